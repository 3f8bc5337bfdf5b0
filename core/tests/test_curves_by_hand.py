"""Curves of kernels and of collectives in round numbers, each shape at half of what it reaches."""

import pytest

from llmplan.records.kernels import (
    AttentionCurve,
    AttentionKernel,
    CollectiveCurve,
    DecodeCurve,
    GemmCurve,
    KernelCurves,
    NetworkCurve,
    gemm_bytes,
    rank_bytes,
)

GEMM = GemmCurve(plateau=0.5, half_tile=6.0, half_m=4.0, half_n=27.0, half_k=8.0, launch_seconds=3.0)


def test_a_multiplication_is_held_down_by_each_short_side():
    """A side would cost another one's share, or a large multiplication go beyond the plateau."""
    # the tile of 4 x 9 has a root of 6
    assert GEMM.flops_per_second(4.0, 9.0, 8.0, 64.0) == pytest.approx(
        64 * 0.5 * (6 / 12) * (4 / 8) * (9 / 36) * (8 / 16)
    )
    assert GEMM.computing_seconds(4.0, 9.0, 8.0, 3.0, 64.0) == pytest.approx(2 * 3 * 4 * 9 * 8 / 1)
    assert GEMM.seconds(4.0, 9.0, 8.0, 3.0, 64.0, 10.0, 5.0) == pytest.approx(3 + 1728)
    assert GEMM.seconds(4.0, 9.0, 8.0, 3.0, 64.0, 1e4, 5.0) == pytest.approx(3 + 1e4 / 5)
    # of unfused attention both sides are long, so that tile and row count together
    assert GEMM.batched_flops_per_second(30.0, 8.0, 64.0) == pytest.approx(64 * 0.5 * (30 / 40) * (8 / 16))


def test_a_multiplication_moves_both_operands_and_its_product():
    """The product would be as narrow as what is multiplied, or operands be read once for all groups."""
    assert gemm_bytes(2.0, 3.0, 5.0, 7.0, 0.5, 4.0) == 7 * ((2 * 5 + 5 * 3) * 0.5 + 2 * 3 * 4)


def test_fused_attention_is_held_down_by_short_sequences_and_thin_heads():
    """Heads would count for tokens, or a kernel start for nothing."""
    curve = AttentionCurve(plateau=0.5, half_tokens=3.0, half_head_dim=4.0, launch_seconds=2.0)
    assert curve.flops_per_second(9.0, 4.0, 64.0) == 64 * 0.5 * (9 / 12) * (4 / 8)
    assert curve.seconds(120.0, 9.0, 4.0, 64.0) == 2 + 120 / 12


def test_collectives_inside_a_domain():
    """Ranks would send their own share as well, small messages be as fast as large ones, or steps go on at once."""
    assert rank_bytes(12.0, 4.0) == 9
    curve = CollectiveCurve(plateau=0.5, half_ranks=4.0, half_bytes=4.0, launch_seconds=3.0, step_seconds=0.25)
    moved = 9 + (9 * 4) ** 0.5
    assert curve.seconds(12.0, 4.0, 8.0) == pytest.approx(3 + 3 * 0.25 + moved / (8 * 0.5 * 4 / 8))
    assert curve.torus_seconds(12.0, 4.0, 2.0, 8.0) == pytest.approx(3 + 2 * 0.25 + moved / (8 * 0.5))


def test_collectives_between_domains():
    """A tree would send as little as a ring, or take as many steps; one domain divide by its neighbours."""
    curve = NetworkCurve(plateau=0.5, step_seconds=0.25)
    assert curve.ring_seconds(12.0, 4.0, 2.0, 8.0) == 2 * 3 * 0.25 + 9 / 4
    assert curve.tree_seconds(12.0, 4.0, 2.0, 8.0) == 2 * 2 * 0.25 + 12 / 4
    assert curve.tree_seconds(12.0, 2.0, 2.0, 8.0) == 2 * 1 * 0.25 + 12 / 4
    assert curve.tree_seconds(12.0, 1.0, 2.0, 8.0) == 0
    assert curve.hop_seconds(12.0, 8.0) == 0.25 + 12 / 4


def test_caches_are_read_the_slower_the_smaller_they_are():
    """Small caches would be read at full bandwidth, or all that is read at that of the data sheet."""
    curve = DecodeCurve(plateau=0.5, half_bytes=4.0, launch_seconds=3.0)
    assert curve.reading_seconds(9.0, 8.0) == (9 + 6) / 4
    assert curve.seconds(9.0, 8.0) == 3 + 15 / 4


def test_curves_that_state_no_latency_have_none():
    """An accelerator of which only a rate is known would wait a second for each kernel or step."""
    assert GemmCurve(plateau=1.0).seconds(2.0, 2.0, 2.0, 1.0, 16.0, 0.0, 1.0) == 1
    assert AttentionCurve(plateau=1.0).seconds(16.0, 1.0, 1.0, 16.0) == 1
    assert CollectiveCurve(plateau=1.0).seconds(16.0, 2.0, 8.0) == 1
    assert NetworkCurve(plateau=1.0).hop_seconds(8.0, 8.0) == 1
    assert DecodeCurve(plateau=1.0).seconds(8.0, 8.0) == 1
    attention = AttentionKernel(forward=AttentionCurve(plateau=1.0), backward=AttentionCurve(plateau=1.0))
    every = {"gemm": {"fp16": GemmCurve(plateau=1.0)}, "attention": {"flash": attention}, "source": "made up"}
    links = {"collectives": {"all_reduce": CollectiveCurve(plateau=1.0)}, "network": NetworkCurve(plateau=1.0)}
    known = KernelCurves(hbm=1.0, **every, **links)
    assert (known.launch_seconds, known.borrowed) == (0, False)
