"""A cost model that answers with a number."""

from __future__ import annotations

from delegating import Delegating

from llmplan import hookimpl

ASKS = ("--cost-model", "broken")
SAID = "train: returned a float, not a TrainingEstimate"


class Broken(Delegating):
    def train(self, _plan):
        return 3.5


@hookimpl
def llmplan_parallelism_models():
    return [Broken()]
