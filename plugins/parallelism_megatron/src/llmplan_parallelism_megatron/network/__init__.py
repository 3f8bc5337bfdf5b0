"""Who talks to whom, and how long it takes."""
