"""A factor two of FLOPs forgotten."""

from __future__ import annotations

from llmplan import hookimpl
from planted_mistakes.sound import Sound


class Planted(Sound):
    """Sound, but for one thing."""

    def rate(self, plan):
        return 4 * super().rate(plan)


@hookimpl
def llmplan_parallelism_models():
    return [Planted()]
