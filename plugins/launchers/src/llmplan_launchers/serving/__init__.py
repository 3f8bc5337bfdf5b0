"""Programs that serve, one module each."""
