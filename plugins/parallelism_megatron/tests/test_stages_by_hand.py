"""Stages of a pipeline by hand: what each holds, and which of them is slowest."""

import pytest

from llmplan.records import Block, Layout, LoweredModel
from llmplan_parallelism_megatron.stages import (
    Stage,
    balanced,
    either,
    end_stages,
    ends_as_layers,
    repeated_seconds,
    slowest_stage,
    without_a_layer,
)

END = Block((), 0.0)
MODEL = LoweredModel(END, (Block((), 0.0, 2, leading=True), Block((), 0.0, 6)), END)
"""Two layers of one kind before six of another."""


def held(stage):
    """Layers of both kinds, the embedding and the head."""
    return (*stage.counts, stage.first, stage.last)


def test_a_stage_has_its_layers_and_the_ends_that_it_holds():
    """An end of the model would be counted on stages that do not hold it, or a layer once for all of its kind."""
    assert Stage([2.0, 3.0], 0.5, 0.25).total([10.0, 100.0], 4.0, 8.0) == 320 + 2 + 2
    assert repeated_seconds(3, 5.0) == 15


@pytest.mark.parametrize(
    ("pp", "first", "last"),
    [(1, (2, 6, 1, 1), (2, 6, 1, 1)), (2, (2, 2, 1, 0), (0, 4, 0, 1)), (4, (2, 0, 1, 0), (0, 2, 0, 1))],
)
def test_the_ends_are_on_the_first_and_on_the_last_stage(pp, first, last):
    """A stage of several would hold both ends, or a single one but one of them."""
    ends = end_stages(MODEL, Layout(gpus=pp, pp=pp))
    assert tuple(map(held, ends)) == (first, last)


def test_the_slower_end_sets_the_pace():
    """The faster stage would, or one be taken for half of the other."""
    ends = Stage([3.0], 1.0, 0.0), Stage([2.0], 0.0, 1.0)
    assert held(slowest_stage(ends, lambda stage: stage.total([10.0], 5.0, 14.0))) == (3, 1, 0)
    assert held(slowest_stage(ends, lambda stage: stage.total([10.0], 5.0, 16.0))) == (2, 0, 1)
    assert held(either(True, *ends)) == (3, 1, 0)
    assert held(either(False, *ends)) == (2, 0, 1)


@pytest.mark.parametrize(("layers", "pp", "vpp", "fewer"), [(10, 3, 2, 1), (10, 4, 1, 1), (7, 3, 1, 1), (10, 2, 3, 0)])
def test_the_ends_stand_for_layers_where_these_come_out_even_with_them(layers, pp, vpp, fewer):
    """Three stages would count as two, or chunks as stages: ten layers and two ends are two for each of six chunks."""
    assert ends_as_layers(layers, Layout(gpus=pp, pp=pp, vpp=vpp)) == fewer


def test_a_stage_with_a_layer_fewer():
    """It would lose a layer of each kind, or as many as it holds."""
    assert held(without_a_layer(Stage([3.0, 1.0], 1.0, 0.0), 1.0, 4.0)) == (3 * 0.75, 0.75, 1, 0)
    assert held(without_a_layer(Stage([3.0, 1.0], 1.0, 0.0), 0.0, 4.0)) == (3, 1, 1, 0)


def test_balanced_stages_are_alike():
    """Each would hold all layers, or a whole end."""
    assert held(balanced(MODEL, 4)) == (0.5, 1.5, 0.25, 0.25)
