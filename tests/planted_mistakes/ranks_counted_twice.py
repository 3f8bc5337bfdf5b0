"""Tensor parallel ranks counted in the FLOPs and in the rate."""

from __future__ import annotations

from llmplan import hookimpl
from planted_mistakes.sound import Sound


class Planted(Sound):
    """Sound, but for one thing."""

    def rate(self, plan):
        return super().rate(plan) * plan.layout.tp


@hookimpl
def llmplan_parallelism_models():
    return [Planted()]
