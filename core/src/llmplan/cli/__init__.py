"""The command line: one module a command, each a thin shell around the library."""
