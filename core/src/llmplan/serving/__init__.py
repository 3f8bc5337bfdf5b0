"""Servers under load: continuous batching in closed form, and simulated request by request."""
