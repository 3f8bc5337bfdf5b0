"""Decoding a whole answer for a step of it."""

from __future__ import annotations

from attrs import evolve

from llmplan import hookimpl
from planted_mistakes.sound import Sound


class Planted(Sound):
    """Sound, but for one thing."""

    def infer(self, plan):
        estimate = super().infer(plan)
        return evolve(
            estimate, decode_breakdown={line: plan.output_tokens * s for line, s in estimate.decode_breakdown.items()}
        )


@hookimpl
def llmplan_parallelism_models():
    return [Planted()]
