"""All weights on each pipeline stage."""

from __future__ import annotations

from llmplan import hookimpl
from planted_mistakes.sound import Sound


class Planted(Sound):
    """Sound, but for one thing."""

    def weights(self, plan):
        return super().weights(plan) * plan.layout.pp


@hookimpl
def llmplan_parallelism_models():
    return [Planted()]
