"""Placeholder until generated."""

TIME = ()
MEMORY = ()
