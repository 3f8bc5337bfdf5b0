"""A line of seconds among bytes."""

from __future__ import annotations

from llmplan import hookimpl
from planted_mistakes.sound import COMPUTE, Sound


class Planted(Sound):
    """Sound, but for one thing."""

    def serving_memory(self, plan):
        return {**super().serving_memory(plan), COMPUTE: 1.0}


@hookimpl
def llmplan_parallelism_models():
    return [Planted()]
