"""The ends of a pipeline: its first and its last stage, one of which is the slowest, and one the fullest.

Stages between them hold as many layers and no end of the model, of training and of serving alike.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define

from llmplan.arrays.quantities import Number, Truth, dot, where
from llmplan.estimate.sharding import stage_counts
from llmplan.records import Layout, LoweredModel


@define(eq=False)
class Stage:
    """What one stage holds."""

    counts: Sequence[Number]
    """Layers of each kind."""
    first: Number
    """1 where it holds the embedding."""
    last: Number
    """1 where it holds the head."""

    def total(self, layers: Sequence[Number], embedding: Number, head: Number) -> Number:
        """Of a figure that each kind of layer has, and each end of the model."""
        return dot(self.counts, layers) + self.first * embedding + self.last * head


def end_stages(model: LoweredModel, layout: Layout) -> tuple[Stage, Stage]:
    """The first stage and the last; without a pipeline both are the only one."""
    alone = where(layout.pp == 1, 1.0, 0.0)
    on_first, on_last = stage_counts(model, layout)
    return Stage(on_first, 1.0, alone), Stage(on_last, alone, 1.0)


def either(condition: Truth, one: Stage, other: Stage) -> Stage:
    """The one where the condition holds, else the other."""
    counts = [where(condition, mine, its) for mine, its in zip(one.counts, other.counts, strict=True)]
    return Stage(counts, where(condition, one.first, other.first), where(condition, one.last, other.last))
