"""A cost model with two numbers for one plan."""

from __future__ import annotations

import numpy as np
from attrs import evolve
from delegating import Delegating

from llmplan import hookimpl

ASKS = ("--cost-model", "broken")
SAID = "cost-model: broken of cost-model-answers-twice train: returned 2 numbers for one plan"


class Broken(Delegating):
    def train(self, plan):
        estimate = super().train(plan)
        seconds = {line: np.array([value, value]) for line, value in estimate.time_breakdown.items()}
        return evolve(estimate, time_breakdown=seconds)


@hookimpl
def llmplan_parallelism_models():
    return [Broken()]
