"""A cost model whose times are no numbers where it prices arrays."""

from __future__ import annotations

from attrs import evolve
from delegating import Delegating

from llmplan import hookimpl

ASKS = ("search", "train", "--model", "llama-7b", "--gpu", "a100-sxm-80gb", "--gpus", "8", "--cost-model", "broken")
SAID = "is not a finite number of zero or more"


class Broken(Delegating):
    def train(self, plan):
        estimate = super().train(plan)
        if isinstance(plan.layout.tp, (int, float)):
            return estimate
        return evolve(
            estimate, time_breakdown={line: value * float("nan") for line, value in estimate.time_breakdown.items()}
        )


@hookimpl
def llmplan_parallelism_models():
    return [Broken()]
