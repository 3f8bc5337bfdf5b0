"""Nonsense by the hundred thousand: words and files that nobody would write, and what every answer keeps to."""
