"""Servers under load: continuous batching in closed form and request by request, and the search for the best server."""
