"""An iteration of a model whose ends differ, by hand."""

import pytest
from attrs import evolve
from megatron_plans import GPU, SPARSE, flat, price

MODEL = evolve(SPARSE, layers=4, ffn_hidden=65_536)
"""A wide dense layer before three of experts."""


def test_the_optimizer_steps_on_the_first_stage():
    """A stage of experts would be taken for the first one, which holds the dense layer and the embedding."""
    given = {"curves": flat(), "hardware": evolve(GPU, memory_bytes_per_second=1e6)}
    seconds = price(MODEL, pp=4, **given).time_breakdown["optimizer"]
    whole = price(evolve(MODEL, layers=1, moe=None), **given).time_breakdown["optimizer"]
    table, dense = MODEL.vocab * MODEL.hidden, MODEL.lower(1, 1024).layers[0].parameters
    on_first, on_one = dense + table, dense + 2 * table + MODEL.hidden  # with the head and the norm before it
    assert seconds == pytest.approx(whole * on_first / on_one, rel=1e-6)
