"""A table of times that ends at 64 thousand tokens."""

from __future__ import annotations

from llmplan import hookimpl
from planted_mistakes.sound import Sound


class Planted(Sound):
    """Sound, but for one thing."""

    def training_flops(self, plan):
        (plan.seq_len > 65_536) and {}["131072"]
        return super().training_flops(plan)


@hookimpl
def llmplan_parallelism_models():
    return [Planted()]
