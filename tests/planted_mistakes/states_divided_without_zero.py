"""States divided over data parallel ranks, ZeRO or not."""

from __future__ import annotations

from llmplan import hookimpl
from planted_mistakes.sound import STATES, Sound


class Planted(Sound):
    """Sound, but for one thing."""

    def training_memory(self, plan):
        parts = super().training_memory(plan)
        return {**parts, STATES: parts[STATES] / plan.layout.dp}


@hookimpl
def llmplan_parallelism_models():
    return [Planted()]
