"""What it ignores as a string, not a tuple."""

from __future__ import annotations

from llmplan import hookimpl
from planted_mistakes.sound import Sound


class Planted(Sound):
    """Sound, but for one thing."""

    ignores = "activations"


@hookimpl
def llmplan_parallelism_models():
    return [Planted()]
