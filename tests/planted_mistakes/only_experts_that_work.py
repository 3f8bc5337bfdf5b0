"""Weights of the experts that a token meets, and no others."""

from __future__ import annotations

from llmplan import hookimpl
from planted_mistakes.sound import Sound


class Planted(Sound):
    """Sound, but for one thing."""

    def weights(self, plan):
        lowered = plan.model.lower(1, 1)
        blocks = ((lowered.embedding, 1), *((block, block.count) for block in lowered.layers), (lowered.head, 1))
        met = sum(
            count * (operator.weights if operator.weights_read is None else operator.weights_read)
            for block, count in blocks
            for operator in block.operators
        )
        return met * plan.dtype.weight_bits / 8 / (plan.layout.tp * plan.layout.pp)


@hookimpl
def llmplan_parallelism_models():
    return [Planted()]
