"""Memory in GiB."""

from __future__ import annotations

from llmplan import hookimpl
from planted_mistakes.sound import Sound


class Planted(Sound):
    """Sound, but for one thing."""

    def serving_memory(self, plan):
        return {line: size / 2**30 for line, size in super().serving_memory(plan).items()}

    def training_memory(self, plan):
        return {line: size / 2**30 for line, size in super().training_memory(plan).items()}


@hookimpl
def llmplan_parallelism_models():
    return [Planted()]
