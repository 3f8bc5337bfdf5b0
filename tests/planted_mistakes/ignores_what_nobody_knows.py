"""A word that means nothing."""

from __future__ import annotations

from llmplan import hookimpl
from planted_mistakes.sound import Sound


class Planted(Sound):
    """Sound, but for one thing."""

    ignores = ("everything",)


@hookimpl
def llmplan_parallelism_models():
    return [Planted()]
