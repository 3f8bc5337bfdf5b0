"""Half of the cache: keys, and no values."""

from __future__ import annotations

from llmplan import hookimpl
from planted_mistakes.sound import Sound


class Planted(Sound):
    """Sound, but for one thing."""

    def cache(self, plan):
        return super().cache(plan) / 2


@hookimpl
def llmplan_parallelism_models():
    return [Planted()]
