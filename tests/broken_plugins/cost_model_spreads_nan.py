"""A cost model that does not know how far off it is."""

from __future__ import annotations

from attrs import evolve
from delegating import Delegating

from llmplan import hookimpl
from llmplan.estimate import Spread

ASKS = ("--cost-model", "broken")
SAID = "cost-model: broken of cost-model-spreads-nan"


class Broken(Delegating):
    def train(self, plan):
        nan = float("nan")
        return evolve(
            super().train(plan), spreads=lambda _: (Spread(low=nan, high=nan, rows=0, extrapolated=False),) * 2
        )


@hookimpl
def llmplan_parallelism_models():
    return [Broken()]
