"""What failures leave of a run where each figure is known on paper."""

from math import expm1, log1p

import pytest

from llmplan.records.goodput import Failures


def test_a_restart_takes_ten_minutes_where_nobody_says():
    """Clusters would come back sooner, or later, than what is said of them."""
    # one failure in 1000 s of both devices, checkpoints of 10 s after 90 s each
    usual, given = (
        Failures(per_gpu_day=43.2, checkpoint_seconds=10.0, checkpoint_interval_seconds=90.0, **own)
        for own in ({}, {"restart_seconds": 500.0})
    )
    assert usual.mtbf_seconds(2) == pytest.approx(1000)
    stretches = [1000 * (1 + expm1(restart / 1000)) * expm1(100 / 1000) / 90 for restart in (600, 500)]
    assert [one.goodput(2) for one in (usual, given)] == pytest.approx([1 / one for one in stretches], rel=1e-12)


@pytest.mark.parametrize(("times", "advances"), [(999_999.5, True), (1_000_000.5, False)])
def test_a_run_that_takes_a_million_times_as_long_makes_no_progress(times, advances):
    """A run that never ends would have a date on which it is done, or one that does have none."""
    lost = log1p(times) - 1  # a checkpoint so long, of one second of training and one failure a second
    run = Failures(per_gpu_day=86_400.0, checkpoint_seconds=lost, checkpoint_interval_seconds=1.0, restart_seconds=0.0)
    assert (run.goodput(1) > 0) is advances
