"""Prices of accelerators, rented or owned, and emissions of electricity."""
