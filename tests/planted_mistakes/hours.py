"""Times in hours."""

from __future__ import annotations

from llmplan import hookimpl
from planted_mistakes.sound import Sound


class Planted(Sound):
    """Sound, but for one thing."""

    def seconds(self, seconds):
        return seconds / 3600


@hookimpl
def llmplan_parallelism_models():
    return [Planted()]
