"""A sound plugin, and one file for each mistake that somebody may make in it."""
