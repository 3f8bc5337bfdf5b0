"""Sums over tensor parallel ranks by an engine's own kernels, in one shot and in two, in round numbers."""

import pytest
from attrs import evolve
from megatron_plans import GPU
from serving_plans import IDEAL, KERNELS, SERVING, serving

from llmplan.records import CollectiveCurve
from llmplan_parallelism_megatron.serving.rank import Rank
from llmplan_parallelism_megatron.serving.traffic import OWN_BYTES

LINK = GPU.scale_up_bytes_per_second
SLOW = CollectiveCurve(plateau=1.0, launch_seconds=1.0)
"""Of a library that nobody would take."""
OWN = CollectiveCurve(plateau=0.5, launch_seconds=3e-6)


def seconds(message, tp=8, library=SLOW, **engine):
    """Of a sum over so many ranks."""
    curves = evolve(KERNELS, serving=evolve(SERVING, all_reduce=OWN), collectives={"all_reduce": library})
    return Rank.of(serving(tp=tp, curves=curves, engine=evolve(IDEAL, **engine))).links.all_reduce_seconds(message)


def test_one_shot_reads_what_all_others_have():
    """Small sums of many ranks would cost what a ring carries, a quarter of what each rank reads."""
    assert seconds(1e4, two_shots=False) == pytest.approx(3e-6 + 7 * 1e4 / (0.5 * LINK))
    assert seconds(1e4, tp=2) == pytest.approx(3e-6 + 1e4 / (0.5 * LINK))


def test_two_shots_share_the_sum_for_a_second_meeting():
    """Larger messages would be read whole by every rank, or a second shot be free."""
    assert seconds(4e6) == pytest.approx(2 * 3e-6 + 2 * 4e6 * 7 / 8 / (0.5 * LINK))
    assert seconds(4e6, two_shots=False) == pytest.approx(3e-6 + 7 * 4e6 / (0.5 * LINK))


def test_the_library_takes_what_buffers_do_not_hold():
    """Sums of prompts would be as fast as an engine's kernels are with what fits into its buffers."""
    assert seconds(OWN_BYTES - 1) < 1 < seconds(OWN_BYTES)
    fast = CollectiveCurve(plateau=1.0)
    assert seconds(4e6, library=fast) == pytest.approx(2 * 4e6 * 7 / 8 / LINK)


def test_one_rank_sums_nothing():
    """A rank alone would wait for itself."""
    assert seconds(4e6, tp=1) == 0
