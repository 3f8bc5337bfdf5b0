"""Published measurements of training runs."""
