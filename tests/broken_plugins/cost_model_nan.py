"""A cost model whose time is not a number."""

from __future__ import annotations

from attrs import evolve
from delegating import Delegating

from llmplan import hookimpl

ASKS = ("--cost-model", "broken")
SAID = "is nan, not a finite number of zero or more"


class Broken(Delegating):
    def train(self, plan):
        estimate = super().train(plan)
        return evolve(estimate, time_breakdown=dict.fromkeys(estimate.time_breakdown, float("nan")))


@hookimpl
def llmplan_parallelism_models():
    return [Broken()]
