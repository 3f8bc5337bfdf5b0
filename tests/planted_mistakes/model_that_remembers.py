"""FLOPs that grow with every call."""

from __future__ import annotations

from llmplan import hookimpl
from llmplan.records import Phase
from llmplan.testing import SAMPLE_MODEL


class Planted:
    """The sample, but for one thing."""

    name = "planted"

    def __getattr__(self, name):
        return getattr(SAMPLE_MODEL, name)

    calls = 0

    def lower(self, batch, seq_len, context=None, phase=Phase.TRAINING):
        type(self).calls += 1
        lowered = SAMPLE_MODEL.lower(batch, seq_len, context, phase)
        lowered.head.operators[0].flops += self.calls
        return lowered


@hookimpl
def llmplan_model_architectures():
    return [Planted()]
