"""A ValueError where a BadInputError would be a refusal, and only of arrays of plans."""

from __future__ import annotations

from llmplan import hookimpl
from planted_mistakes.sound import Sound


class Planted(Sound):
    """Sound, but for one thing."""

    def train(self, plan):
        if getattr(plan.micro_batch, "shape", None):
            raise ValueError("the truth value of an array is ambiguous")
        return super().train(plan)


@hookimpl
def llmplan_parallelism_models():
    return [Planted()]
