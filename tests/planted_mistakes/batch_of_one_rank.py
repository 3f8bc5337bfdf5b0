"""The micro-batches of one data parallel rank for the global batch."""

from __future__ import annotations

from llmplan import hookimpl
from planted_mistakes.sound import Sound


class Planted(Sound):
    """Sound, but for one thing."""

    def training_flops(self, plan):
        return 3 * plan.model.lower(plan.micro_batch * plan.gradient_accumulation, plan.seq_len).flops


@hookimpl
def llmplan_parallelism_models():
    return [Planted()]
