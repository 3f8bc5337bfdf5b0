"""How far predictions may be off, by kind of plan."""
