"""Decoding reads no weights."""

from __future__ import annotations

from llmplan import hookimpl
from planted_mistakes.sound import Sound


class Planted(Sound):
    """Sound, but for one thing."""

    def decode(self, reading, multiplying):
        return super().decode(reading * 1e-6, multiplying)


@hookimpl
def llmplan_parallelism_models():
    return [Planted()]
