"""The peak of one accelerator, whatever the plan is on."""

from __future__ import annotations

from llmplan import hookimpl
from planted_mistakes.sound import Sound


class Planted(Sound):
    """Sound, but for one thing."""

    def rate(self, plan):
        return plan.layout.tp * plan.layout.pp * 4e14 * plan.efficiency.flops


@hookimpl
def llmplan_parallelism_models():
    return [Planted()]
