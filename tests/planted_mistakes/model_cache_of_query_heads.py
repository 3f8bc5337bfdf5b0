"""Keys and values of all query heads, where groups of them share."""

from __future__ import annotations

from llmplan import hookimpl
from llmplan.records import Phase
from llmplan.testing import SAMPLE_MODEL


class Planted:
    """The sample, but for one thing."""

    name = "planted"

    def __getattr__(self, name):
        return getattr(SAMPLE_MODEL, name)

    def lower(self, batch, seq_len, context=None, phase=Phase.TRAINING):
        return SAMPLE_MODEL.lower(batch, seq_len, context, phase)

    def kv_cache(self, batch, tokens):
        cache = SAMPLE_MODEL.kv_cache(batch, tokens)
        cache.elements = 2 * cache.elements
        return cache


@hookimpl
def llmplan_model_architectures():
    return [Planted()]
