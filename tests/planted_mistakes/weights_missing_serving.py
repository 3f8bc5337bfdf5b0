"""Caches without weights."""

from __future__ import annotations

from llmplan import hookimpl
from planted_mistakes.sound import Sound


class Planted(Sound):
    """Sound, but for one thing."""

    def serving_memory(self, plan):
        _, *rest = super().serving_memory(plan).items()
        return dict(rest)


@hookimpl
def llmplan_parallelism_models():
    return [Planted()]
