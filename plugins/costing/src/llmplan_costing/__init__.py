"""What cost models are written with: shares of a model, rules for plans, columns of plans, explanations of lines."""
