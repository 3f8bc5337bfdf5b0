"""Writes the peak that it has reckoned with into the accelerator."""

from __future__ import annotations

from llmplan import hookimpl
from planted_mistakes.sound import Sound


class Planted(Sound):
    """Sound, but for one thing."""

    def train(self, plan):
        estimate = super().train(plan)
        plan.hardware.peak_flops.setdefault("fp32", plan.gemm.peak_flops / 16)
        return estimate


@hookimpl
def llmplan_parallelism_models():
    return [Planted()]
