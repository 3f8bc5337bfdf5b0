"""Decoding that is faster behind a longer prompt."""

from __future__ import annotations

from attrs import evolve

from llmplan import hookimpl
from planted_mistakes.sound import READING, Sound


class Planted(Sound):
    """Sound, but for one thing."""

    def infer(self, plan):
        estimate = super().infer(plan)
        shorter = 1.0 + 4_096.0 / plan.prompt_tokens
        return evolve(estimate, decode_breakdown={READING: estimate.decode_seconds_per_token * shorter})


@hookimpl
def llmplan_parallelism_models():
    return [Planted()]
