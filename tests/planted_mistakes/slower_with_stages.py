"""A pipeline that takes as long as its stages one after the other, with nothing on the way."""

from __future__ import annotations

from llmplan import hookimpl
from planted_mistakes.sound import Sound


class Planted(Sound):
    """Sound, but for one thing."""

    def rate(self, plan):
        return super().rate(plan) / plan.layout.pp**2


@hookimpl
def llmplan_parallelism_models():
    return [Planted()]
