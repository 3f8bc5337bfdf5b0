"""A cost model whose time no float can hold."""

from __future__ import annotations

from attrs import evolve
from delegating import Delegating

from llmplan import hookimpl

ASKS = ("--cost-model", "broken")
SAID = "cost-model: broken of cost-model-huge"


class Broken(Delegating):
    def train(self, plan):
        estimate = super().train(plan)
        return evolve(estimate, time_breakdown=dict.fromkeys(estimate.time_breakdown, 10**400))


@hookimpl
def llmplan_parallelism_models():
    return [Broken()]
