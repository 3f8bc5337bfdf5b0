"""A cost model that asks itself."""

from __future__ import annotations

from delegating import Delegating

from llmplan import hookimpl

ASKS = ("--cost-model", "broken")
SAID = "cost-model: broken of cost-model-recurses failed: RecursionError"


class Broken(Delegating):
    def remarks(self, plan):
        return self.remarks(plan)


@hookimpl
def llmplan_parallelism_models():
    return [Broken()]
