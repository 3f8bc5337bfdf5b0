"""A cost model whose memory is negative."""

from __future__ import annotations

from attrs import evolve
from delegating import Delegating

from llmplan import hookimpl

ASKS = ("--cost-model", "broken")
SAID = "is -1.0, not a finite number of zero or more"


class Broken(Delegating):
    def train(self, plan):
        estimate = super().train(plan)
        return evolve(estimate, memory_breakdown=dict.fromkeys(estimate.memory_breakdown, -1.0))


@hookimpl
def llmplan_parallelism_models():
    return [Broken()]
