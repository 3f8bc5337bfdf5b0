"""A cost model that divides by a bandwidth of nothing."""

from __future__ import annotations

from attrs import evolve
from delegating import Delegating

from llmplan import hookimpl

ASKS = ("--cost-model", "broken")
SAID = "hardware_flops: is inf, not a finite number of zero or more"


class Broken(Delegating):
    def train(self, plan):
        return evolve(super().train(plan), hardware_flops=float("inf"))


@hookimpl
def llmplan_parallelism_models():
    return [Broken()]
