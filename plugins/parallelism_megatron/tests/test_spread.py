"""The ranges of `megatron`, against the published runs that they come from."""

import pytest

from llmplan import train
from llmplan.estimate.spread import LEVEL
from llmplan_parallelism_megatron.validation.spread import kind_of, quantile, spread
from llmplan_parallelism_megatron.validation.training_residuals import MEMORY, TIME

WITHIN = 0.06
"""What a share of 61 rows or more may be off the level."""


@pytest.mark.parametrize("residuals", [TIME, MEMORY], ids=["time", "memory"])
def test_a_stated_range_holds_what_it_says_of_rows_left_out(residuals):
    """A range that held much more or less than 80 % would be a wrong claim."""
    inside = 0
    for number, left_out in enumerate(residuals):
        others = residuals[:number] + residuals[number + 1 :]
        found = spread(left_out.kind, others)
        inside += found.low <= left_out.ratio <= found.high
    assert inside / len(residuals) == pytest.approx(LEVEL, abs=WITHIN)


def test_residuals_are_those_of_the_cost_model_as_it_is(checked):
    """After a change to the model the old residuals would belong to another one: run the calibration again."""
    ratios = {residual.row: residual.ratio for residual in (*TIME, *MEMORY)}
    counted = [row for row in checked if row.row.counts and row.row.metric != "gpu_hours"]
    assert len(ratios) == len(counted)
    for row in counted:
        of_time = row.row.metric in ("tokens_per_s_per_gpu", "tflops_per_gpu", "mfu", "hfu")
        now = row.predicted / row.row.measured if of_time else row.row.measured / row.predicted
        assert ratios[row.row.id] == pytest.approx(now, abs=1e-3), row.row.id


def test_a_range_contains_the_prediction_and_says_how_many_rows_stand_behind_it():
    estimate = train(model="llama-65b", gpu="a100-sxm-80gb", gpus=2048, tp=8, pp=4)
    found = estimate.time_spread
    assert found is not None
    assert found.low <= 1 <= found.high
    assert found.rows >= 20
    assert not found.extrapolated


def test_an_architecture_without_runs_is_extrapolated():
    """A card of which no run is published would otherwise look as well known as an A100."""
    estimate = train(model="llama-7b", gpu="l40s", gpus=64, zero=3, tp=1, pp=1)
    assert estimate.time_spread is not None
    assert estimate.time_spread.extrapolated


def test_the_same_run_is_no_distance_away_and_another_framework_is_further_than_another_scale():
    here = kind_of(train(model="llama-7b", gpu="a100-sxm-80gb", gpus=64, tp=1, pp=1).plan)
    larger = kind_of(train(model="llama-7b", gpu="a100-sxm-80gb", gpus=256, tp=1, pp=1).plan)
    other = kind_of(train(model="llama-7b", gpu="a100-sxm-80gb", gpus=64, tp=1, pp=1, framework="fsdp").plan)
    assert here.distance(here) == 0
    assert 0 < here.distance(larger) < here.distance(other)


def test_quantiles_are_linear_between_values():
    assert quantile([1.0, 2.0, 4.0], 0.5) == 2.0
    assert quantile([1.0, 2.0, 4.0], 0.75) == 3.0
    assert quantile([5.0], 0.05) == 5.0
