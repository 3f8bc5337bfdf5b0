"""The commands that reports and errors tell to paste: each of them runs as it is printed."""

from __future__ import annotations

import re
import shlex
from itertools import pairwise

import pytest
from attrs import evolve

from llmplan import registry, train
from llmplan.cli.main import main
from llmplan.output.console import rendered
from llmplan_report.terminal.console import console_of
from llmplan_report.terminal.headline import headline
from llmplan_report.terminal.sections import layout

GPU = ("--gpu", "h100-sxm-80gb")
ONE = ("--pp", "1", "--cp", "1", "--recompute", "none", "--offload", "none", "--zero", "1")
REPORTS = {
    "train": ("train", "llama-7b", *GPU, "--gpus", "16", "--tp", "2", *ONE, "--tokens", "1.4T"),
    "train with an MFU": ("train", "llama-7b", *GPU, "--gpus", "16", "--tp", "2", *ONE, "--mfu", "0.4"),
    "train that does not fit": ("train", "llama-65b", *GPU, "--gpus", "4", "--tp", "4", *ONE, "--micro-batch", "1"),
    "fine-tuning": ("train", "llama-7b", *GPU, "--gpus", "1", "--tuning", "lora", "--tp", "1"),
    "infer": ("infer", "llama-3.1-8b", *GPU, "--tp", "1", "--max-batch", "--dtype", "fp8-inference"),
    "server": ("infer", "llama-3.1-8b", *GPU, "--tp", "1", "--pp", "1", "--rate", "90/min", "--requests", "50"),
    "search train": ("search", "train", "llama-7b", *GPU, "--gpus", "16", *ONE, "--price-per-gpu-hour", "2"),
    "search infer": ("search", "infer", "llama-3.1-8b", *GPU, "--tp", "1", "--pp", "1", "--ttft", "500ms"),
    "comparison": ("infer", "llama-3.1-8b", "--gpu", "h100-sxm-80gb,l40s", "--tp", "1", "--pp", "1", "--batch", "1,8"),
    "comparison of training": ("train", "llama-7b", *GPU, "--gpus", "16", "--tp", "1,2", *ONE),
}  # fmt: skip
HINTS = (
    ("train", "llama-7c", *GPU, "--gpus", "16", "--tp", "2", *ONE),
    ("train", "llama-7b", *GPU, "--gpus", "16", "--micro-batches", "1", "--tp", "2", *ONE),
    ("trian", "llama-7b", *GPU, "--gpus", "16", "--tp", "2", *ONE),
    ("train",),
    ("train", "llama-7b", *GPU, "--tp", "0"),
    ("train", "./nowhere/config.json", *GPU),
    ("train", "llama-7b", "--gpu", "h1000", "--gpus", "16", "--tp", "2", *ONE),
    ("train", "llama-7b", *GPU, "--gpus", "16", "--tensor-model-parallel-size", "2", *ONE),
    ("train", "llama-7b", *GPU, "--gpus", "16", "--tp", "2", "--finish-within", "99d"),
    ("compare", "llama-7b", *GPU, "--gpus", "16", "--tp", "1,2", *ONE),
    ("infer", "llama-2-70b", *GPU, "--tp", "1", "--pp", "1", "--dp", "1"),
    ("infer", "llama-2-70b", *GPU, "--gpus", "1", "--batch", "16"),
    ("infer", "llama-3.1-8b", *GPU, "--tp", "1", "--pp", "1", "--dp", "1", "--rate", "900/s", "--requests", "0"),
    ("train", "llama-65b", *GPU, "--gpus", "4", "--tp", "4", *ONE, "--micro-batch", "1"),
)


def few_requests(monkeypatch):
    """What is simulated, where nobody says how much; more only take longer."""
    for least in ("llmplan_serving_load.search.confirming.REQUESTS", "llmplan.space.server._DEFAULT_REQUESTS"):
        monkeypatch.setattr(least, 20)
    monkeypatch.setattr("llmplan_serving_load.search.confirming._OF_A_USER", 0)


@pytest.mark.parametrize("command", REPORTS.values(), ids=REPORTS)
def test_what_a_report_says_to_do_next_runs(command, capsys, monkeypatch, tmp_path):
    """If it fails, the first thing that somebody pastes out of a report is refused."""
    few_requests(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    assert main(command) in (0, 3)
    text = capsys.readouterr().out
    assert max(map(len, text.split("\n"))) <= 80
    assert len(text.partition("\n\n")[0].split("\n")) <= 5, "the answer is longer than five lines"
    section = text.partition("\nNext\n")[2].replace("\\\n", " ")
    commands = [shlex.split(line) for line in section.split("\n") if line.startswith("  llmplan ")]
    assert 1 <= len(commands) <= 3
    for words in commands:
        code = main(words[1:])
        assert code in ((0, 3) if "does not fit" in text else (0,)), f"{words}: {capsys.readouterr().err}"
        written = [word.rpartition(":")[2] for option, word in pairwise(words) if option in _FILES]
        assert all((tmp_path / name).stat().st_size for name in written)


_FILES = ("--picture", "--export")


@pytest.mark.parametrize("width", [80, 100])
def test_an_answer_takes_five_lines_whatever_it_is_about(width):
    """If it fails, a long name or layout moves what the answer is off the first screen."""
    model = evolve(registry().models["llama-65b"], name="a-model-with-a-name-that-takes-most-of-a-line-by-itself")
    estimate = train(model=model, gpu="h100-sxm-80gb", gpus=1024, tp=8, pp=4, cp=2, vpp=5, price_per_gpu_hour=2.345,
                     sequence_parallel=True, zero=1, micro_batch=1, recompute="none", schedule="1f1b")  # fmt: skip
    console = console_of(width)
    chosen = f"2,213,280 plans, INTERRUPTED: {layout(estimate, 'ZeRO 1')}"
    lines = rendered(console, headline(estimate, console, chosen)).rstrip("\n").split("\n")
    assert len(lines) <= 5
    assert max(map(len, lines)) <= width
    assert "tp 8 · cp 2 · pp 4" in lines[1]
    assert " days (" in lines[0]


def test_the_first_lines_say_whether_latencies_are_kept_to(capsys, monkeypatch):
    """If it fails, somebody who reads five lines books a server that is too slow."""
    monkeypatch.setenv("COLUMNS", "80")
    asked = ("infer", "llama-3.1-8b", *GPU, "--tp", "1", "--pp", "1", "--dp", "1", "--batch", "4", "--ttft", "5ms")
    main((*asked, "--tpot", "1s"))
    answer = capsys.readouterr().out.partition("\n\n")[0]
    assert "BREAKS --ttft, keeps to --tpot" in answer
    assert len(answer.split("\n")) <= 5
    main((*asked[:-4], "--rate", "2", "--requests", "0", "--ttft", "5ms", "--tpot", "1s", "--latency", "10s"))
    assert "BREAKS --ttft" in capsys.readouterr().out.partition("\n\n")[0]


def test_the_first_lines_say_that_a_plan_fits_by_the_estimate_alone(capsys):
    """If it fails, somebody who reads five lines books GPUs whose memory may well be too small."""
    asked = ("train", "qwen3-32b", "--gpu", "rtx-4090", "--gpus", "2", "--tuning", "qlora", "--tokens", "200M")
    main((*asked, "--global-batch", "16", "--seq-len", "8192"))
    assert "of 24.0 GiB, not with 90% confidence" in capsys.readouterr().out.partition("\n\n")[0]
    main((*asked, "--global-batch", "16", "--seq-len", "1024"))
    assert "GiB free" in capsys.readouterr().out.partition("\n\n")[0]


@pytest.mark.parametrize("command", HINTS, ids=" ".join)
def test_a_hint_is_a_command_that_works(command, capsys):
    """If it fails, somebody follows the advice of an error and is refused once more."""
    assert main(command) in (2, 3)
    hint = re.search(r"\nhint: llmplan ([^\n]+)\n$", capsys.readouterr().err)
    assert hint, "no hint"
    assert main(shlex.split(hint[1])) != 2, hint[1]
