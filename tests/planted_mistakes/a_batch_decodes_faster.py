"""A decode step over the batch."""

from __future__ import annotations

from attrs import evolve

from llmplan import hookimpl
from planted_mistakes.sound import Sound


class Planted(Sound):
    """Sound, but for one thing."""

    def infer(self, plan):
        estimate = super().infer(plan)
        times = {line: seconds / plan.batch for line, seconds in estimate.decode_breakdown.items()}
        return evolve(estimate, decode_breakdown=times)


@hookimpl
def llmplan_parallelism_models():
    return [Planted()]
