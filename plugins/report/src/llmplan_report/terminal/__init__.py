"""Reports for people, as wide as the terminal."""
