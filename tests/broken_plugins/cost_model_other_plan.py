"""A cost model that answers with the estimate of another plan."""

from __future__ import annotations

from attrs import evolve
from delegating import Delegating

from llmplan import hookimpl

ASKS = ("--cost-model", "broken")
SAID = "train: returned the estimate of another plan"


class Broken(Delegating):
    def train(self, plan):
        return super().train(evolve(plan, layout=evolve(plan.layout, gpus=1)))


@hookimpl
def llmplan_parallelism_models():
    return [Broken()]
