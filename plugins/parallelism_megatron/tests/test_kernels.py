"""Kernels and collectives one by one, by hand: without shape, half of every peak is reached."""

from __future__ import annotations

import pytest

from llmplan import registry
from llmplan.errors import BadInputError
from llmplan.records import Efficiency, NumberFormat

H100 = registry().gpus["h100-sxm-80gb"]
BF16 = NumberFormat("bf16", H100.peak_flops["bf16"])
HALF = Efficiency(flops=0.5, hbm=0.5, scale_up=0.5, scale_out=0.5)


def seconds(kernel, efficiency=HALF, **sizes):
    """As the cost model prices it."""
    return registry().cost_models["megatron"].kernel_seconds(kernel, sizes, H100, BF16, efficiency)


@pytest.mark.parametrize(
    ("kernel", "sizes", "by_hand"),
    [
        ("gemm", {"m": 4096, "n": 8192, "k": 4096}, 2 * 4096 * 8192 * 4096 / (0.5 * BF16.peak_flops)),
        ("copy", {"bytes": 2e9}, 2e9 / (0.5 * H100.memory_bytes_per_second)),
        (
            "attention",
            {"batch": 2, "heads": 32, "tokens": 4096, "head_dim": 128},
            4 * 2 * 32 * 4096**2 * 128 / 2 / (0.5 * BF16.peak_flops),
        ),
        ("all_gather", {"bytes": 1e9, "ranks": 8}, 1e9 * 7 / 8 / (0.5 * H100.scale_up_bytes_per_second)),
        ("all_reduce", {"bytes": 1e9, "ranks": 8}, 2e9 * 7 / 8 / (0.5 * H100.scale_up_bytes_per_second)),
    ],
)
def test_a_kernel_by_hand(kernel, sizes, by_hand):
    """If it fails, timings of own kernels are held against something else than they are of."""
    assert seconds(kernel, **sizes) == pytest.approx(by_hand)


def test_timed_alone_no_clock_falls():
    """If it fails, a healthy GPU looks faster than published, since runs that last are slower than their kernels."""
    curves = H100.kernels
    alone = seconds("gemm", Efficiency(curves=curves), m=8192, n=8192, k=8192)
    assert curves.sustained["bf16"] < 1.0
    moved = 2.0 * 3 * 8192**2
    bandwidth = H100.memory_bytes_per_second * curves.hbm
    assert alone == pytest.approx(curves.gemm["bf16"].seconds(8192, 8192, 8192, 1, BF16.peak_flops, moved, bandwidth))


def test_what_it_does_not_price_is_refused():
    """If it fails, a timing of something else ends in a traceback."""
    with pytest.raises(BadInputError, match=r"kernel: 'sort' is none of gemm, copy"):
        seconds("sort", bytes=1.0)
