"""Programs that train, one module each."""
