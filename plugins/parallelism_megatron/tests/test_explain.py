"""``--explain``: arithmetic that a reader can check."""

import json
import math
import subprocess
import sys

import pytest

from llmplan import infer, registry, train

FUNCTIONS = {"max": max, "min": min, "sqrt": math.sqrt, "ceil": math.ceil, "log2": math.log2}
PLANS = {
    "pipeline": {"model": "llama-65b", "gpu": "h100-sxm-80gb", "gpus": 512, "tp": 4, "pp": 4},
    "experts": {
        "model": "deepseek-v3",
        "gpu": "h100-sxm-80gb",
        "gpus": 1024,
        "tp": 2,
        "pp": 16,
        "ep": 8,
        "dtype": "fp8",
        "recompute": "full",
        "framework": "megatron-core-no-overlap",
    },
    "adapters": {
        "model": "llama-7b",
        "gpu": "a100-sxm-80gb",
        "gpus": 8,
        "tp": 1,
        "pp": 1,
        "zero": 3,
        "tuning": "lora",
        "offload": "all",
    },
    "context": {"model": "llama-3.1-8b", "gpu": "b200-sxm", "gpus": 16, "tp": 1, "pp": 1, "cp": 8, "seq_len": 65536},
}


@pytest.mark.parametrize("options", PLANS.values(), ids=PLANS)
def test_the_numbers_give_the_line(options):
    """A reader who does the printed arithmetic would get something else than the estimate."""
    estimate = train(**options)
    lines = registry().cost_models["megatron"].explain(estimate.plan)
    for line in lines:
        computed = eval(line.numbers, {**FUNCTIONS, "__builtins__": {}})
        assert computed == pytest.approx(line.value, rel=2e-3, abs=1e-9), line


@pytest.mark.parametrize("options", PLANS.values(), ids=PLANS)
def test_every_line_of_the_breakdowns_is_explained_with_a_source(options):
    """A line of the breakdown would come from nowhere."""
    estimate = train(**options)
    lines = registry().cost_models["megatron"].explain(estimate.plan)
    explained = {(line.line, line.unit): line.value for line in lines}
    for breakdown, unit in ((estimate.time_breakdown, "s"), (estimate.memory_breakdown, "bytes")):
        for name, value in breakdown.items():
            assert explained[name, unit] == value
    assert all(line.source and line.formula for line in lines)
    assert any(line.line.startswith("layer kind 1: ") for line in lines)


SERVERS = {
    "tensor parallel": {"model": "llama-3.1-70b", "gpu": "h100-sxm-80gb", "tp": 8, "pp": 1, "batch": 16},
    "pipeline": {
        "model": "llama-2-70b",
        "gpu": "a100-sxm-80gb",
        "tp": 2,
        "pp": 4,
        "batch": 8,
        "engine": "tensorrt-llm",
    },
    "experts": {"model": "deepseek-v3", "gpu": "h200-sxm-141gb", "tp": 8, "pp": 1, "batch": 64, "dtype": "fp8"},
}


@pytest.mark.parametrize("options", SERVERS.values(), ids=SERVERS)
def test_inference_is_explained_line_by_line(options):
    """A figure of a server would come from nowhere, or the printed arithmetic give another one."""
    estimate = infer(**options)
    lines = registry().cost_models["megatron"].explain(estimate.plan)
    for line in lines:
        computed = eval(line.numbers, {**FUNCTIONS, "__builtins__": {}})
        assert computed == pytest.approx(line.value, rel=2e-3, abs=1e-9), line
    explained = {(line.line, line.unit): line.value for line in lines}
    for phase, breakdown in (("prefill", estimate.prefill_breakdown), ("decode", estimate.decode_breakdown)):
        for name, value in breakdown.items():
            assert explained[f"{phase} {name}", "s"] == value
    for name, value in estimate.memory_breakdown.items():
        assert explained[name, "bytes"] == value
    assert all(line.source and line.formula for line in lines)
    assert any(line.line.startswith("layer kind 1: ") and "launch" in line.formula for line in lines)


def llmplan(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "llmplan", *arguments], capture_output=True, text=True, check=False, timeout=60
    )


def test_the_command_line_prints_it():
    done = llmplan("train", "--model", "llama-7b", "--gpu", "a100-sxm-80gb", "--gpus", "8", "--explain")
    assert done.returncode == 0
    assert "\nforward = " in done.stdout
    shown = llmplan("train", "--model", "llama-7b", "--gpu", "a100-sxm-80gb", "--gpus", "8", "--explain", "--json")
    explanation = json.loads(shown.stdout)["explanation"]
    assert {"line", "formula", "numbers", "value", "unit", "source"} == set(explanation[0])


def test_the_command_line_prints_that_of_a_batch_and_of_no_load():
    """An option would explain a server under load by a batch that it never has."""
    infer = ("infer", "--model", "llama-7b", "--gpu", "a100-sxm-80gb", "--tp", "1", "--pp", "1", "--explain")
    assert "\ndecode mlp = " in llmplan(*infer).stdout
    refused = llmplan(*infer, "--rate", "1/s")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert refused.stderr.startswith("llmplan: explain: explains a batch")


@pytest.mark.parametrize("other", [("--cost-model", "roofline"), ("--mfu", "0.4")], ids=lambda option: option[0])
def test_what_explains_nothing_says_so(other):
    """A plan without parts would be explained by numbers that have nothing to do with it."""
    done = llmplan("train", "--model", "llama-7b", "--gpu", "a100-sxm-80gb", "--gpus", "8", "--explain", *other)
    assert done.returncode == 2
    assert done.stderr.startswith("llmplan: explain: ")
    assert done.stderr.count("\n") == 1
