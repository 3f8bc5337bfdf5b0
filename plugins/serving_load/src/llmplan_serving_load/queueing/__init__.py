"""Servers under load: continuous batching in closed form, and simulated request by request."""

from llmplan_serving_load.queueing.estimate import estimate_server

__all__ = ["estimate_server"]
