"""Divided by tp where it was to be multiplied."""

from __future__ import annotations

from llmplan import hookimpl
from planted_mistakes.sound import Sound


class Planted(Sound):
    """Sound, but for one thing."""

    def rate(self, plan):
        return super().rate(plan) / plan.layout.tp**2


@hookimpl
def llmplan_parallelism_models():
    return [Planted()]
