"""``--explain``: arithmetic that a reader can check."""

import json
import math
from functools import cache

import pytest
from hypothesis import given, settings, strategies as st
from megatron_plans import MEGATRON, MODELS, MUON, plan, plans
from serving_plans import ENGINES, serving

from llmplan import infer, registry, train
from llmplan.cli.main import main
from llmplan_parallelism_megatron.rank import Rank
from llmplan_parallelism_megatron.training.layer import layer_times
from llmplan_parallelism_megatron.training.pipeline import ends

FUNCTIONS = {"max": max, "min": min, "sqrt": math.sqrt, "ceil": math.ceil, "log2": math.log2}


def add_up(lines):
    """Printed numbers, held against printed values, by the layer or the end of the model whose lines they are."""
    sums = {}
    for line in lines:
        computed = eval(line.numbers, {**FUNCTIONS, "__builtins__": {}})
        assert computed == pytest.approx(line.value, rel=2e-3, abs=1e-12), line
        name, colon, _ = line.line.partition(": ")
        owner = name if colon else name.partition(" (")[0].partition(",")[0]
        sums[owner, line.unit] = sums.get((owner, line.unit), 0.0) + line.value
    return sums


@settings(max_examples=30, deadline=None)
@given(plans())
def test_what_is_printed_of_training_adds_up(one):
    """A line would be explained by a formula that had no part in it, or a kernel be left out: the attention of every
    plan without context parallelism was "latency + size / bandwidth" of a message that nobody sends.
    """
    estimate, lines, rank = MEGATRON.train(one), MEGATRON.explain(one), Rank.of(one)
    sums = add_up(lines)
    embedding, head = ends(rank)
    expected = {"embedding": embedding, "head": head}
    for kind, block in enumerate(rank.model.layers):
        expected[f"layer kind {kind + 1}"] = layer_times(block, rank)
    for name, times in expected.items():
        assert sums.get((name, "s"), 0.0) == pytest.approx(times.forward, rel=1e-9)
    by_line = {(line.line, line.unit): line.value for line in lines}
    for unit, breakdown in (("s", estimate.time_breakdown), ("bytes", estimate.memory_breakdown)):
        assert {name: by_line[name, unit] for name in breakdown} == breakdown


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(MODELS), st.sampled_from(ENGINES), st.sampled_from([1, 2, 4]), st.integers(1, 300))
def test_what_is_printed_of_serving_adds_up(model, engine, tp, batch):
    """The kernels of a step of decoding would not be the step: collectives of one rank stood there with their latency,
    and those of prompts where nothing of a prompt is left.
    """
    one = serving(model, engine=engine, tp=tp, batch=batch)
    estimate, lines = MEGATRON.infer(one), MEGATRON.explain(one)
    sums = add_up(lines)
    layers = sum(block.count * sums[f"layer kind {kind + 1}", "s"] for kind, block in enumerate(_layers(model)))
    decode = layers + sums["embedding", "s"] + sums["head", "s"]
    decode += estimate.decode_breakdown["launch"] + estimate.decode_breakdown["host"]
    assert decode == pytest.approx(sum(estimate.decode_breakdown.values()), rel=1e-9)


def _layers(model):
    return model.lower(1.0, 1.0, 1.0).layers


def test_a_line_has_the_sources_of_its_own_formulas():
    """Adam would be cited as Muon, and what ranks wait for as a paper on pipelines."""
    for optimizer, muon in ((plan().optimizer, False), (MUON, True)):
        one = plan(optimizer=optimizer, gradient_accumulation=4, offload_activations=True)
        by_line = {(line.line, line.unit): line for line in MEGATRON.explain(one)}
        assert ("Jordan" in by_line["optimizer", "s"].source) is muon
        assert not any("Narayanan" in by_line[name, "s"].source for name in ("forward", "offload", "launch", "host"))


def test_a_single_rank_exchanges_nothing():
    """The latency of a collective that never runs would be printed."""
    for one in (plan(), serving()):
        assert not any("communication" in line.line and line.unit == "s" for line in MEGATRON.explain(one))


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


@cache
def explained(name):
    """The estimate of a plan, and its explanation."""
    estimate = train(**PLANS[name])
    return estimate, registry().cost_models["megatron"].explain(estimate.plan)


@pytest.mark.parametrize("name", PLANS)
def test_the_numbers_give_the_line(name):
    """A reader who does the printed arithmetic would get something else than the estimate."""
    _, lines = explained(name)
    for line in lines:
        computed = eval(line.numbers, {**FUNCTIONS, "__builtins__": {}})
        assert computed == pytest.approx(line.value, rel=2e-3, abs=1e-9), line


@pytest.mark.parametrize("name", PLANS)
def test_every_line_of_the_breakdowns_is_explained_with_a_source(name):
    """A line of the breakdown would come from nowhere."""
    estimate, lines = explained(name)
    by_line = {(line.line, line.unit): line.value for line in lines}
    for breakdown, unit in ((estimate.time_breakdown, "s"), (estimate.memory_breakdown, "bytes")):
        for line, value in breakdown.items():
            assert by_line[line, unit] == value
    assert by_line.get(("host_memory", "bytes")) == estimate.host_bytes_per_gpu
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


@pytest.fixture
def llmplan(capsys):
    """Runs a command: exit code, standard output, standard error."""
    return lambda *arguments: (main(arguments), *capsys.readouterr())


def test_the_command_line_prints_it(llmplan):
    run = ("train", "--model", "llama-7b", "--gpu", "a100-sxm-80gb", "--gpus", "8", "--explain")
    code, said, _ = llmplan(*run)
    assert code == 0
    assert "\nforward = " in said
    explanation = json.loads(llmplan(*run, "--json")[1])["explanation"]
    assert {"line", "formula", "numbers", "value", "unit", "source"} == set(explanation[0])
    assert "\ntp_comm = 0 s" not in said
    assert "\nNone in this plan: " in said


def test_the_command_line_prints_that_of_a_batch_and_of_no_load(llmplan):
    """An option would explain a server under load by a batch that it never has."""
    infer = ("infer", "--model", "llama-7b", "--gpu", "a100-sxm-80gb", "--tp", "1", "--pp", "1", "--explain")
    assert "\ndecode mlp = " in llmplan(*infer)[1]
    code, _, said = llmplan(*infer, "--rate", "1/s")
    assert code == 2
    assert said.startswith("llmplan: explain: explains a batch")
    assert said.partition("hint: ")[0].count("\n") == 1


def test_what_explains_nothing_says_so(llmplan):
    """A plan without parts would be explained by numbers that have nothing to do with it."""
    run = ("train", "--model", "llama-7b", "--gpu", "a100-sxm-80gb", "--gpus", "8")
    code, _, said = llmplan(*run, "--explain", "--mfu", "0.4")
    assert code == 2
    assert said.startswith("llmplan: explain: ")
    assert said.partition("hint: ")[0].count("\n") == 1
