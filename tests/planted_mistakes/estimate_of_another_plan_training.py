"""The estimate is of a plan of its own."""

from __future__ import annotations

from attrs import evolve

from llmplan import hookimpl
from planted_mistakes.sound import Sound


class Planted(Sound):
    """Sound, but for one thing."""

    def train(self, plan):
        return super().train(evolve(plan, price_per_gpu_hour=1.0))


@hookimpl
def llmplan_parallelism_models():
    return [Planted()]
