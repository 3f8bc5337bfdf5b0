"""Hardware FLOPs of a pass more for every mode of recomputation."""

from __future__ import annotations

from attrs import evolve

from llmplan import hookimpl
from planted_mistakes.sound import Sound


class Planted(Sound):
    """Sound, but for one thing."""

    def train(self, plan):
        estimate = super().train(plan)
        return evolve(estimate, hardware_flops=estimate.model_flops * (1 + plan.recompute))


@hookimpl
def llmplan_parallelism_models():
    return [Planted()]
