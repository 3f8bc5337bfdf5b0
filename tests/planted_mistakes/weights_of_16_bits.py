"""Whatever the dtype says."""

from __future__ import annotations

from llmplan import hookimpl
from planted_mistakes.sound import Sound


class Planted(Sound):
    """Sound, but for one thing."""

    def weights(self, plan):
        return super().weights(plan) / plan.dtype.weight_bits * 16


@hookimpl
def llmplan_parallelism_models():
    return [Planted()]
