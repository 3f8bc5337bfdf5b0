"""Divides by the tokens that follow the first."""

from __future__ import annotations

from llmplan import hookimpl
from planted_mistakes.sound import Sound


class Planted(Sound):
    """Sound, but for one thing."""

    def cache(self, plan):
        return super().cache(plan) * (plan.output_tokens - 1) / (plan.output_tokens - 1)


@hookimpl
def llmplan_parallelism_models():
    return [Planted()]
