"""Time that grows with the plans that were priced before."""

from __future__ import annotations

from attrs import evolve

from llmplan import hookimpl
from planted_mistakes.sound import COMPUTE, Sound

PRICED = []


class Planted(Sound):
    """Sound, but for one thing."""

    def train(self, plan):
        PRICED.append(plan)
        estimate = super().train(plan)
        waited = estimate.iteration_seconds * (1.0 + 1e-6 * len(PRICED))
        return evolve(estimate, time_breakdown={COMPUTE: waited})


@hookimpl
def llmplan_parallelism_models():
    return [Planted()]
