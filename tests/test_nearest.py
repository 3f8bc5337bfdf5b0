"""What a server or a batch that does not fit is told to do instead: each piece of advice is taken."""

from __future__ import annotations

import re

import pytest

from llmplan.cli.main import main

LLAMA = ("infer", "--model", "llama-3-70b", "--gpu", "h100-sxm-80gb")
UNFIT = (
    (*LLAMA, "--gpus", "1"),
    (*LLAMA, "--tp", "1", "--pp", "1", "--dp", "2"),
    (*LLAMA, "--tp", "4", "--pp", "1", "--dp", "1", "--batch", "5000", "--max-context"),
    ("infer", "--model", "llama-3.1-405b", "--gpu", "h100-sxm-80gb", "--gpus", "8", "--batch", "2000"),
    ("infer", "--model", "llama-3.1-8b", "--gpu", "l4", "--gpus", "1", "--prompt-tokens", "130000", "--rate", "3/h"),
    ("infer", "--model", "deepseek-v3", "--gpu", "t4", "--gpus", "8"),
)


@pytest.mark.parametrize("asked", UNFIT, ids=" ".join)
def test_what_is_said_to_fit_fits(asked, capsys):
    """If it fails, somebody follows the advice and is refused once more, or is told nothing at all."""
    quick = (*asked, *(("--requests", "0") if "--rate" in asked else ()))
    assert main(quick) == 3
    said = re.search(r"; (--[^;]*) would fit;", capsys.readouterr().err)
    assert said, "no advice"
    for advice in said[1].split(" or "):
        words = advice.split()
        options = dict(zip(words[::2], words[1::2], strict=True))
        kept = [word for at in range(1, len(quick)) for word in quick[at : at + 1] if quick[at - 1] not in options]
        kept = [word for word in kept if word not in options]
        assert main(("infer", *kept, *words)) == 0, advice


def test_what_contradicts_itself_is_refused(capsys):
    """If it fails, neither the batch nor the context is filled, and nobody hears of it."""
    assert main((*LLAMA, "--gpus", "8", "--tp", "8", "--max-batch", "--max-context")) == 2
    said = "llmplan: max-batch: contradicts max-context; give one of them\n"
    assert capsys.readouterr().err.startswith(said)


def test_what_changes_nothing_is_said(capsys):
    """If it fails, a dtype of experts seems to make a dense model smaller, or graphs an engine faster."""
    small = ("infer", "--model", "llama-3-8b", "--gpu", "h100-sxm-80gb")
    assert main((*small, "--dtype", "mxfp4-experts")) == 0
    assert "mxfp4-experts narrows routed experts alone, and llama-3-8b has none" in capsys.readouterr().out
    assert main((*small, "--engine", "llama.cpp", "--cuda-graphs")) == 0
    assert "cuda-graphs changes nothing" in capsys.readouterr().out


@pytest.mark.parametrize(("graphs", "advised"), [("--cuda-graphs", 0), ("--no-cuda-graphs", 1)])
def test_graphs_are_advised_where_there_are_none(graphs, advised, capsys):
    """If it fails, the way out is one that has been taken, or one that prompts cannot take."""
    launched = ("infer", "--model", "deepseek-v3", "--gpu", "h200-sxm-141gb", "--tp", "8", "--ep", "8")
    assert main((*launched, "--dtype", "fp8", graphs)) == 0
    advice = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  shorter with")]
    assert len(advice) == 2
    assert sum("--cuda-graphs" in line for line in advice) == advised
