"""Takes every matrix for a dense one."""

from __future__ import annotations

from llmplan import hookimpl
from planted_mistakes.sound import Sound


class Planted(Sound):
    """Sound, but for one thing."""

    def training_flops(self, plan):
        for block in plan.model.lower(1, 1).layers:
            for operator in block.operators:
                assert operator.gemm is None or not operator.gemm.routed
        return super().training_flops(plan)


@hookimpl
def llmplan_parallelism_models():
    return [Planted()]
