"""Bytes of one more sequence, times all that there are."""

from __future__ import annotations

from attrs import evolve

from llmplan import hookimpl
from planted_mistakes.sound import Sound


class Planted(Sound):
    """Sound, but for one thing."""

    def infer(self, plan):
        estimate = super().infer(plan)
        return evolve(estimate, memory_bytes_per_sequence=estimate.memory_bytes_per_sequence * plan.batch)


@hookimpl
def llmplan_parallelism_models():
    return [Planted()]
