"""What a sequence adds is what the batch holds."""

from __future__ import annotations

from attrs import evolve

from llmplan import hookimpl
from planted_mistakes.sound import Sound


class Planted(Sound):
    """Sound, but for one thing."""

    def infer(self, plan):
        return evolve(super().infer(plan), memory_bytes_per_sequence=9 * self.cache(plan))


@hookimpl
def llmplan_parallelism_models():
    return [Planted()]
