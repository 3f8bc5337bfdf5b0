"""A line below zero."""

from __future__ import annotations

from llmplan import hookimpl
from planted_mistakes.sound import READING, Sound


class Planted(Sound):
    """Sound, but for one thing."""

    def decode(self, reading, multiplying):
        return {**super().decode(reading, multiplying), READING: -reading}


@hookimpl
def llmplan_parallelism_models():
    return [Planted()]
