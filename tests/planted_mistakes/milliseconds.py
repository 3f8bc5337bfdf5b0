"""Times in milliseconds."""

from __future__ import annotations

from llmplan import hookimpl
from planted_mistakes.sound import Sound


class Planted(Sound):
    """Sound, but for one thing."""

    def seconds(self, seconds):
        return 1e3 * seconds


@hookimpl
def llmplan_parallelism_models():
    return [Planted()]
