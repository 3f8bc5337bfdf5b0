"""Data parallel ranks all work on the whole batch."""

from __future__ import annotations

from attrs import evolve

from llmplan import hookimpl
from planted_mistakes.sound import Sound


class Planted(Sound):
    """Sound, but for one thing."""

    def train(self, plan):
        estimate = super().train(plan)
        times = {line: seconds * plan.layout.dp for line, seconds in estimate.time_breakdown.items()}
        return evolve(estimate, time_breakdown=times)


@hookimpl
def llmplan_parallelism_models():
    return [Planted()]
