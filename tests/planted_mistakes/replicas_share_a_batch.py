"""A decode step that is shared by replicas, each of which has its own."""

from __future__ import annotations

from attrs import evolve

from llmplan import hookimpl
from planted_mistakes.sound import Sound


class Planted(Sound):
    """Sound, but for one thing."""

    def infer(self, plan):
        estimate = super().infer(plan)
        parts = estimate.decode_breakdown
        return evolve(estimate, decode_breakdown={line: s * (1 + plan.layout.dp) / 2 for line, s in parts.items()})


@hookimpl
def llmplan_parallelism_models():
    return [Planted()]
