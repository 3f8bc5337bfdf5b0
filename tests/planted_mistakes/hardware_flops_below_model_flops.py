"""More FLOPs of the model than of the hardware."""

from __future__ import annotations

from llmplan import hookimpl
from planted_mistakes.sound import Sound


class Planted(Sound):
    """Sound, but for one thing."""

    def model_flops(self, flops):
        return 1.2 * flops


@hookimpl
def llmplan_parallelism_models():
    return [Planted()]
