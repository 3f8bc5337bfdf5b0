"""Every sequence has 2,048 tokens."""

from __future__ import annotations

from llmplan import hookimpl
from planted_mistakes.sound import Sound


class Planted(Sound):
    """Sound, but for one thing."""

    def training_flops(self, plan):
        return 3 * plan.model.lower(plan.global_batch, 2048).flops


@hookimpl
def llmplan_parallelism_models():
    return [Planted()]
