"""What a plan has to keep to be priced, and what speaks against it."""
