"""The forward pass of a whole iteration for that of a micro-batch."""

from __future__ import annotations

from attrs import evolve

from llmplan import hookimpl
from planted_mistakes.sound import Sound


class Planted(Sound):
    """Sound, but for one thing."""

    def train(self, plan):
        estimate = super().train(plan)
        return evolve(estimate, forward_breakdown=estimate.time_breakdown)


@hookimpl
def llmplan_parallelism_models():
    return [Planted()]
