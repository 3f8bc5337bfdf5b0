"""One FLOP for a multiplication and its sum."""

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
        lowered = SAMPLE_MODEL.lower(batch, seq_len, context, phase)
        for block in (lowered.embedding, *lowered.layers, lowered.head):
            for operator in block.operators:
                operator.flops = operator.flops / 2
        return lowered


@hookimpl
def llmplan_model_architectures():
    return [Planted()]
