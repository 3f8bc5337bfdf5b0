"""A training iteration: its seconds, its bytes, and what no plan falls below."""
