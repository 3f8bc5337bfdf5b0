"""Takes it for granted that layers keep keys and values."""

from __future__ import annotations

from llmplan import hookimpl
from planted_mistakes.sound import Sound


class Planted(Sound):
    """Sound, but for one thing."""

    def cache(self, plan):
        return super().cache(plan) * (plan.model.kv_cache(1, 1).elements / plan.model.kv_cache(1, 1).elements)


@hookimpl
def llmplan_parallelism_models():
    return [Planted()]
