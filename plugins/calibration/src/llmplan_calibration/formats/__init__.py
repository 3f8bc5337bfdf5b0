"""Files that programs write, each format a module: what was measured, and what they say of the plan."""
