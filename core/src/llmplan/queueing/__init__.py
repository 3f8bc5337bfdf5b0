"""Servers under load: continuous batching in closed form, and simulated request by request."""

from llmplan.queueing.estimate import estimate_server

__all__ = ["estimate_server"]
