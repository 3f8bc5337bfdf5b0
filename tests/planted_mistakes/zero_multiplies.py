"""States times the ZeRO stage, which divides them."""

from __future__ import annotations

from llmplan import hookimpl
from planted_mistakes.sound import Sound


class Planted(Sound):
    """Sound, but for one thing."""

    def training_memory(self, plan):
        held = super().training_memory(plan)
        return {line: size * (1 + plan.layout.zero) for line, size in held.items()}


@hookimpl
def llmplan_parallelism_models():
    return [Planted()]
