"""Time that is less where layers are computed again."""

from __future__ import annotations

from attrs import evolve

from llmplan import hookimpl
from planted_mistakes.sound import COMPUTE, Sound


class Planted(Sound):
    """Sound, but for one thing."""

    def train(self, plan):
        estimate = super().train(plan)
        share = 1.0 - 0.05 * plan.recompute
        return evolve(estimate, time_breakdown={COMPUTE: share * estimate.iteration_seconds})


@hookimpl
def llmplan_parallelism_models():
    return [Planted()]
