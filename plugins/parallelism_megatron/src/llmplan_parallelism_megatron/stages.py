"""The ends of a pipeline: its first and its last stage, one of which is the slowest, and one the fullest.

Stages between them hold as many layers and no end of the model, of training and of serving alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from llmplan.arrays.quantities import Number, Truth, dot, has_remainder, where
from llmplan.arrays.term import term
from llmplan.records import Layout, LoweredModel
from llmplan_costing.sharding import stage_counts


class Stage(NamedTuple):
    """The layers that one pipeline stage holds."""

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


def ends_as_layers(layers: int, layout: Layout) -> Number:
    """1 where the embedding and the head take the place of a layer each, since the layers alone do not divide evenly
    and do so with them: Llama 3 405B has 126 for 16 stages (Dubey et al. 2024, arXiv:2407.21783, section 3.3.2),
    BLOOM 70 for 12 (arXiv:2211.05100, section 3.2.1).
    """
    chunks = layout.pp * layout.vpp
    odd = has_remainder(layers, chunks) & (layout.pp > 2)  # noqa: PLR2004 - with two stages both are ends
    return where(odd & (has_remainder(layers + 2, chunks) == False), 1.0, 0.0)  # noqa: E712 - of arrays as well


def without_a_layer(stage: Stage, fewer: Number, held: Number) -> Stage:
    """A stage that holds one layer fewer where `fewer` is 1."""
    share = 1.0 - fewer / held
    return Stage([count * share for count in stage.counts], stage.first, stage.last)


def balanced(model: LoweredModel, pp: Number) -> Stage:
    """A stage of a program that deals layers and both ends out by what they cost: a p-th of all."""
    return Stage([block.count / pp for block in model.layers], 1.0 / pp, 1.0 / pp)


def slowest_stage(ends: tuple[Stage, Stage], seconds: Callable[[Stage], Number]) -> Stage:
    """The first stage or the last, whichever takes longer, by the seconds that a stage takes."""
    first, last = ends
    return either(seconds(last) >= seconds(first), last, first)


@term("dot(l, t)", unit="s", source="by definition")
def stage_seconds(l: Sequence[Number], t: Sequence[Number]) -> Number:  # noqa: E741 - as the literature has it
    """A micro-batch, or a server's pass, on the slowest stage: so many layers of each kind, the embedding and the head
    as far as it has them.
    """
    return dot(l, t)


@term("m * stage", unit="s", source="by definition")
def repeated_seconds(m: Number, stage: Number) -> Number:
    """The slowest stage works on m micro-batches, or passes over prompts, one after the other; the others keep up."""
    return m * stage
