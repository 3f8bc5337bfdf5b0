"""Six FLOPs for each parameter and token, experts that rest among them."""

from __future__ import annotations

from llmplan import hookimpl
from planted_mistakes.sound import Sound


class Planted(Sound):
    """Sound, but for one thing."""

    def training_flops(self, plan):
        return 6.0 * sum(plan.model.parameters_by_part().values()) * plan.global_batch * plan.seq_len


@hookimpl
def llmplan_parallelism_models():
    return [Planted()]
