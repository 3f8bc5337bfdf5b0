"""Weights of all data parallel ranks on each of them."""

from __future__ import annotations

from llmplan import hookimpl
from planted_mistakes.sound import Sound


class Planted(Sound):
    """Sound, but for one thing."""

    def training_memory(self, plan):
        parts = super().training_memory(plan)
        return {line: size * plan.layout.dp for line, size in parts.items()}


@hookimpl
def llmplan_parallelism_models():
    return [Planted()]
