"""Tensor parallel ranks hold all weights each."""

from __future__ import annotations

from llmplan import hookimpl
from planted_mistakes.sound import Sound


class Planted(Sound):
    """Sound, but for one thing."""

    def weights(self, plan):
        return super().weights(plan) * plan.layout.tp


@hookimpl
def llmplan_parallelism_models():
    return [Planted()]
