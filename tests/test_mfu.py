"""MFU is what PaLM counts, MFU causal what a causal mask leaves, and no stated MFU needs more than the peak."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from llmplan import train
from llmplan.cli.main import main
from llmplan.errors import BadInputError
from llmplan_report.terminal.report import report

ROOT = Path(__file__).parents[1]
LAYERS, HIDDEN, FFN, VOCAB, SEQUENCE = 32, 4096, 11_008, 32_000, 2048
"""Of llama-7b."""
PLAN = {"model": "llama-7b", "gpu": "a100-sxm-80gb", "gpus": 8, "seq_len": SEQUENCE}


@pytest.mark.parametrize(("figure", "square"), [("mfu", 12.0), ("mfu_causal", 6.0)])
def test_what_it_counts(figure, square):
    """If it fails, MFU counts other FLOPs than its definition says: 6 N + 12 L h s of a token, or half the square."""
    estimate = train(**PLAN)
    matrices = LAYERS * (4 * HIDDEN**2 + 3 * HIDDEN * FFN) + HIDDEN * VOCAB
    of_a_token = 6.0 * matrices + square * LAYERS * HIDDEN * SEQUENCE
    reached = of_a_token * estimate.tokens_per_second / (8 * estimate.plan.gemm.peak_flops)
    assert getattr(estimate, figure) == pytest.approx(reached, rel=1e-9)


def test_a_stated_mfu_never_needs_more_than_the_peak():
    """If it fails, a run is timed with an HFU above 1, which no hardware reaches."""
    with pytest.raises(
        BadInputError, match=r"mfu: 0\.9 is an HFU of 119\.\d% .*; give at most 0\.75, or less recompute"
    ):
        train(**PLAN, mfu=0.9, recompute="full")
    assert train(**PLAN, mfu=0.75, recompute="full").hfu <= 1
    assert train(**PLAN, mfu=0.9, recompute="none").mfu == pytest.approx(0.9)


def test_it_is_defined_where_a_reader_asks(capsys):
    """If it fails, a reader compares an MFU with one that counts other FLOPs."""
    text = " ".join(report(train(**PLAN), width=200).split())
    assert re.search(r"utilisation MFU [\d.]+ %, [\d.]+ % causal, HFU [\d.]+ %", text)
    assert main(["explain", "mfu"]) == 0
    explained = " ".join(capsys.readouterr().out.split())
    assert "the whole square of attention" in explained
    assert "without recomputation or looking up embeddings" in explained
    glossary = (ROOT / "docs" / "glossary.md").read_text("utf-8")
    for words in ("arXiv:2204.02311", "whole square", "embedding look-ups", "**MFU causal**", "**HFU**"):
        assert words in glossary
