"""Arrays are not priced as numbers are."""

from __future__ import annotations

from llmplan import hookimpl
from planted_mistakes.sound import Sound


class Planted(Sound):
    """Sound, but for one thing."""

    def seconds(self, seconds):
        return seconds if isinstance(seconds, float) else 2 * seconds


@hookimpl
def llmplan_parallelism_models():
    return [Planted()]
