"""The same of context parallel ranks."""

from __future__ import annotations

from attrs import evolve

from llmplan import hookimpl
from planted_mistakes.sound import COMPUTE, Sound


class Planted(Sound):
    """Sound, but for one thing."""

    def train(self, plan):
        estimate = super().train(plan)
        return evolve(estimate, time_breakdown={COMPUTE: estimate.iteration_seconds / plan.layout.cp})


@hookimpl
def llmplan_parallelism_models():
    return [Planted()]
