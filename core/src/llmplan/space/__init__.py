"""From a request to a plan: what each option leaves open, and what it is filled with."""
