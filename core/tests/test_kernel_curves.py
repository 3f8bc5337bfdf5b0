"""Curves of kernels and links, which evaluate themselves."""

import ast
from pathlib import Path

import numpy as np
import pytest

from llmplan.records import AttentionCurve, CollectiveCurve, DecodeCurve, GemmCurve, NetworkCurve

ROOT = Path(__file__).parents[2]
SIZES = (512.0, 1024.0, 2048.0)


def test_without_halves_everything_runs_at_the_plateau():
    """If it fails, a user who states one efficiency gets another."""
    gemm = GemmCurve(plateau=0.5)
    assert gemm.seconds(*SIZES, 4.0, 1e12, 0.0, 1.0) == 2 * 4 * 512 * 1024 * 2048 / 0.5e12
    assert gemm.seconds(*SIZES, 1.0, 1e30, 3e9, 1e9) == 3.0
    assert AttentionCurve(plateau=0.5).seconds(1e9, 1.0, 1.0, 1e12) == 2e-3
    assert CollectiveCurve(plateau=0.5).seconds(2e9, 8, 1e9) == pytest.approx(2 * 7 / 8 / 0.5)
    assert DecodeCurve(plateau=0.5).seconds(1e9, 1e9) == 2.0


@pytest.mark.parametrize("half", ["half_tile", "half_m", "half_n", "half_k"])
def test_a_multiplication_at_the_half_of_a_side_reaches_half_of_the_plateau(half):
    """If it fails, a half means something else than calibrations fit."""
    square = 256.0, 256.0, 256.0
    whole, shaped = GemmCurve(plateau=0.8), GemmCurve(plateau=0.8, **{half: 256.0})
    assert shaped.flops_per_second(*square, 1e12) == 0.5 * whole.flops_per_second(*square, 1e12)


@pytest.mark.parametrize(("half", "sizes"), [("half_tokens", (64.0, 1e30)), ("half_head_dim", (1e30, 64.0))])
def test_attention_at_a_half_reaches_half_of_the_plateau(half, sizes):
    """If it fails, short sequences or thin heads are as fast as long and wide ones."""
    assert AttentionCurve(plateau=0.8, **{half: 64.0}).flops_per_second(*sizes, 1e12) == pytest.approx(0.4e12)


def test_a_ring_passes_all_but_its_own_share_in_steps():
    """If it fails, latency does not grow with the ranks, or a rank sends its own share to itself."""
    curve = CollectiveCurve(plateau=1.0, launch_seconds=3.0, step_seconds=0.5)
    assert curve.seconds(8.0, 4, 1.0) == 3.0 + 3 * 0.5 + 8.0 * 3 / 4


def test_over_many_domains_a_tree_has_fewer_steps_and_a_ring_fewer_bytes():
    """If it fails, a small message over a thousand nodes takes a thousand steps, or a large one is sent in full."""
    network = NetworkCurve(plateau=0.5, step_seconds=1e-3)
    assert network.tree_seconds(1e9, 1024, 2.0, 1e9) == pytest.approx(2 * 10 * 1e-3 + 1e9 / 0.5e9)
    assert network.ring_seconds(1e9, 1024, 1.0, 1e9) == pytest.approx(1023e-3 + 1e9 * 1023 / 1024 / 0.5e9)
    assert network.hop_seconds(1e9, 1e9) == 1e-3 + 2.0


def test_a_small_cache_is_read_more_slowly():
    """If it fails, a single short sequence decodes at the bandwidth of a full batch."""
    curve = DecodeCurve(plateau=1.0, half_bytes=1e6)
    assert curve.reading_seconds(1e6, 1e6) == 2.0


def test_curves_take_arrays():
    """If it fails, calibrations fit something else than cost models price."""
    tokens = np.array([128.0, 4096.0])
    curve = GemmCurve(plateau=0.8, half_tile=100.0, half_m=10.0, half_n=20.0, half_k=30.0, launch_seconds=1e-6)
    together = curve.seconds(tokens, 1024.0, 512.0, 1.0, 1e14, tokens * 4096.0, 1e12)
    assert together.tolist() == [curve.seconds(m, 1024.0, 512.0, 1.0, 1e14, m * 4096.0, 1e12) for m in tokens.tolist()]


def arithmetic_with_halves(path):
    """Where a file computes with a half of a curve."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.BinOp, ast.Call)):
            operands = [node.left, node.right] if isinstance(node, ast.BinOp) else node.args
            for operand in operands:
                if isinstance(operand, ast.Attribute) and operand.attr.startswith("half_"):
                    yield f"{path.relative_to(ROOT)}:{node.lineno}"


def test_nobody_else_evaluates_a_curve():
    """If it fails, a formula has a second body, which a calibration or a cost model can drift away with."""
    home = ROOT / "core/src/llmplan/records/kernels.py"
    files = [
        *ROOT.glob("core/src/**/*.py"),
        *ROOT.glob("plugins/*/src/**/*.py"),
        *ROOT.glob("plugins/*/calibration/*.py"),
    ]
    assert list(arithmetic_with_halves(home))
    assert not [place for path in files if path != home for place in arithmetic_with_halves(path)]
