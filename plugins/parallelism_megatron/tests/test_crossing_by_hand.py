"""The search for the batch from which on decoding computes longer than it reads weights."""

import pytest
from serving_plans import serving

from llmplan_parallelism_megatron.serving import crossing
from llmplan_parallelism_megatron.serving.rank import Rank


@pytest.mark.parametrize("ridge", [1, 2, 3, 4, 5, 6, 7, 100, 32_768, 65_535, 65_536, None])
def test_the_search_ends_at_the_first_batch_that_computes(monkeypatch, ridge):
    """A batch beside the ridge would be named, the search never end, or one be found where there is none."""
    least = 65_537 if ridge is None else ridge
    monkeypatch.setattr(crossing, "_is_compute_bound", lambda _rank, _plan, batch: batch >= least)
    plan = serving()
    assert crossing.compute_bound_batch(Rank.of(plan), plan) == ridge
