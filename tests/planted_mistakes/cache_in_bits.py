"""Keys and values in bits."""

from __future__ import annotations

from llmplan import hookimpl
from planted_mistakes.sound import Sound


class Planted(Sound):
    """Sound, but for one thing."""

    def cache(self, plan):
        return 8 * super().cache(plan)


@hookimpl
def llmplan_parallelism_models():
    return [Planted()]
