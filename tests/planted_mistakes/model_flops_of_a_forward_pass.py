"""The backward pass is not counted."""

from __future__ import annotations

from llmplan import hookimpl
from planted_mistakes.sound import Sound


class Planted(Sound):
    """Sound, but for one thing."""

    def training_flops(self, plan):
        return super().training_flops(plan) / 3


@hookimpl
def llmplan_parallelism_models():
    return [Planted()]
