"""Pictures of plans, comparisons and searches."""
