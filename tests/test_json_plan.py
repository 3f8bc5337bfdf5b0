"""The JSON of a result is its plan too: what was asked is all there, and asks for the same figures again."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from attrs import fields
from hypothesis import given, settings, strategies as st

from llmplan import infer, registry, train
from llmplan.cli.main import main
from llmplan.errors import BadInputError
from llmplan.output.document import document
from llmplan.request import InferRequest, InferSearchRequest, SearchRequest, TrainRequest
from llmplan.request.plan_file import read_plan
from llmplan.search import InferenceSpace, TrainingSpace, search

GPU_FILE = """
memory_gib = 80
memory_bandwidth_gb_per_s = 2039
bf16_tflops = 300
scaleup_bandwidth_gb_per_s = 300
scaleup_domain_size = 8
scaleout_nic_gbits_per_gpu = 200
tdp_w = 400
"""
MODEL_FILE = """
layers = 12
hidden = 1024
heads = 8
ffn_hidden = 3072
gated_mlp = true
vocab = 32000
"""
TRAINING = {
    "dtype": ["bf16", "w16a16e16"],
    "gpus": [8, 16, 64],
    "tp": [1, 2],
    "recompute": ["none", "full", "attention"],
    "zero": [0, 1, 3],
    "price_per_gpu_hour": [1.5, 2],
    "pue": [1.0, 1.3],
    "tokens": ["1T", 2e11],
    "seq_len": [1024, 2048],
    "global_batch_tokens": ["4M", 2e6],
    "master_weights": [False, True],
    "gradient_bits": [16, 32],
    "tuning": ["full", "lora"],
    "framework": ["fsdp", "megatron-core"],
    "optimizer": ["lion", "adam"],
    "hbm_efficiency": [0.7],
    "scale_out_efficiency": [0.06],
    "sequence_parallel": [True, False],
}
FAILURES = {
    "failures_per_gpu_day": [1e-3],
    "checkpoint_seconds": [45.0, "1.5m"],
    "checkpoint_interval": ["30m"],
    "restart_seconds": [60],
}
SERVING = {
    "dtype": ["bf16", "fp8-inference"],
    "tp": [1, 2],
    "kv_bits": [8, 16],
    "prompt_tokens": [100, 2000],
    "output_tokens": [1, 300],
    "engine": ["vllm", "tensorrt-llm"],
    "price_per_gpu_hour": [2.5],
    "flops_efficiency": [0.6],
    "cuda_graphs": [False],
}
LOADS = {
    "rate": ["2/s", "30/min"],
    "prompt_lengths": ["uniform:0.3", "lognormal:0.8", "geometric"],
    "output_lengths": ["lognormal:1.1"],
    "requests": [0, 15],
    "seed": [3],
    "chunked_prefill": [False],
    "max_sequences": [32],
    "prefix_hit_rate": [0.5],
}
some = settings(max_examples=25, deadline=None, derandomize=True)


def options(choices):
    """Any of these options, each with one of its values."""
    return st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in choices.items()})


def again(printed, request, price):
    """The document of what its JSON asks for."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "result.json"
        path.write_text(json.dumps(printed), encoding="utf-8")
        return document(price(request(**read_plan(str(path), request))))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A model and an accelerator that no plugin offers."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "my-gpu.toml").write_text(GPU_FILE, encoding="utf-8")
    (folder / "my-model.toml").write_text(MODEL_FILE, encoding="utf-8")
    return {"gpu": str(folder / "my-gpu.toml"), "model": str(folder / "my-model.toml")}


@given(asked=options(TRAINING), failures=options(FAILURES), own=st.booleans())
@some
def test_a_training_run_is_priced_again(asked, failures, own, files):
    """If it fails, a stored result cannot be looked into later: something that was asked is not in it."""
    names = files if own else {"model": "llama-7b", "gpu": "a100-sxm-80gb"}
    asked |= {"pp": 1, "cp": 1}  # open, they are most of the time that this takes
    asked |= failures if "failures_per_gpu_day" in failures else {}
    try:
        printed = document(train(**names, **asked))
    except BadInputError:
        return
    assert again(printed, TrainRequest, train) == printed


@given(asked=options(SERVING), load=options(LOADS), own=st.booleans())
@some
def test_a_deployment_is_priced_again(asked, load, own, files):
    """If it fails, a stored result of a server, its load or its seed cannot be priced again."""
    names = files if own else {"model": "llama-3.1-8b", "gpu": "h100-sxm-80gb"}
    asked |= {"pp": 1}  # as for training
    load = {"requests": 15, **load} if "rate" in load else {}
    try:
        printed = document(infer(**names, **asked, **load))
    except BadInputError:
        return
    assert again(printed, InferRequest, infer) == printed


@pytest.mark.parametrize("request_of", [TrainRequest, InferRequest])
def test_every_option_is_in_it(request_of):
    """If it fails, an option joined that the JSON forgets, as it once forgot the price and the PUE."""
    samples = {**TRAINING, **FAILURES, **SERVING, **LOADS}
    asked = {name: samples[name][0] for name in samples if name in {field.name for field in fields(request_of)}}
    price = {TrainRequest: train, InferRequest: infer}[request_of]
    names = (
        {"model": "llama-7b", "gpu": "a100-sxm-80gb"} if price is train else {"model": "llama-3.1-8b", "gpu": "l40s"}
    )
    asked = {name: value for name, value in asked.items() if name not in {"engine", "cuda_graphs", "gpus"}}
    assert document(price(**names, **asked))["request"].keys() == {*names, *asked}


def test_records_from_files_stand_in_it(files):
    """If it fails, the JSON names a file that whoever reads it does not have."""
    asked = document(train(**files, gpus=8))["request"]
    assert asked["gpu"]["memory_gib"] == 80
    assert asked["model"]["hidden"] == 1024
    mine = registry().gpus["a100-sxm-80gb"]
    assert document(train(model="llama-7b", gpu=mine, gpus=8))["request"]["gpu"] == "a100-sxm-80gb"


def test_the_command_line_takes_it(tmp_path, capsys):
    """If it fails, --plan takes no .json, or what stands on the command line does not win over it."""
    result = tmp_path / "result.json"
    names = ("--model", "llama-7b", "--gpu", "a100-sxm-80gb")
    assert main(("train", *names, "--gpus", "8", "--pue", "1.3", "--json", "--output", str(result))) == 0
    first = json.loads(capsys.readouterr().out)
    assert main(("train", "--plan", str(result), "--json")) == 0
    assert json.loads(capsys.readouterr().out) == first
    assert main(("train", "--plan", str(result), "--gpus", "16", "--json")) == 0
    other = json.loads(capsys.readouterr().out)
    assert (other["layout"]["gpus"], other["request"]["pue"]) == (16, 1.3)


@pytest.mark.parametrize(
    ("space", "price", "request_of"),
    [
        (TrainingSpace(model="llama-7b", gpu="a100-sxm-80gb", gpus=8, tp=[1, 2], pp=1, pue=1.2), train, TrainRequest),
        (
            InferenceSpace(model="llama-7b", gpu="a100-sxm-80gb", tp=1, pp=1, max_sequences=4, requests=50, seed=1),
            infer,
            InferRequest,
        ),
    ],
)
def test_the_best_plan_of_a_search_is_priced_from_its_json(space, price, request_of):
    """If it fails, the winner of a stored search has to be typed in again."""
    printed = document(search(space))
    priced, best = again(printed, request_of, price), printed["best"][0]
    assert {**priced, "assumptions": None} == {**best, "assumptions": None}


OPENED = (
    (
        (
            "train",
            "--model",
            "llama-7b",
            "--gpu",
            "a100-sxm-80gb,GPU",
            "--price-per-gpu-hour",
            "2,1.5",
            "--gpus",
            "8,16",
        ),
        ("--tokens", "1T", "--recompute", "none,full", "--pp", "1..4", "--objective", "cost", "--pareto", "time,cost"),
        (TrainRequest, SearchRequest),
        lambda options, looked_for: search(TrainingSpace(**options), **looked_for),
    ),
    (
        (
            "infer",
            "--model",
            "llama-7b",
            "--gpu",
            "l40s,GPU",
            "--price-per-gpu-hour",
            "1,2",
            "--engine",
            "vllm,lmdeploy",
        ),
        (
            "--kv-bits",
            "16",
            "--tp",
            "1,2",
            "--rate",
            "2/s",
            "--requests",
            "20",
            "--objective",
            "cost",
            "--tpot",
            "1s",
        ),
        (InferRequest, InferSearchRequest),
        lambda options, looked_for: search(InferenceSpace(**options), **looked_for),
    ),
)


@pytest.mark.parametrize(("of_space", "rest", "requests", "searched"), OPENED, ids=("train", "infer"))
def test_a_stored_search_opens_the_same_space(of_space, rest, requests, searched, files, tmp_path, capsys):
    """If it fails, what a search was asked, lists and files among it, has to be typed in again."""
    command, *options = (one.replace("GPU", files["gpu"]) for one in of_space)
    assert main(("search", command, *options, *rest, "--json")) == 0
    first = json.loads(capsys.readouterr().out)
    stored = tmp_path / "result.json"
    stored.write_text(json.dumps(first), encoding="utf-8")
    same = ("request", "space", "objective", "constraints", "plans", "best", "pareto", "why")
    assert main(("search", command, "--plan", str(stored), "--json")) == 0
    again = json.loads(capsys.readouterr().out)
    assert {name: again[name] for name in same} == {name: first[name] for name in same}
    asked = read_plan(str(stored), *requests)
    looked_for = {name: asked.pop(name) for name in list(asked) if name in {one.name for one in fields(requests[1])}}
    assert len(first["best"]) == len(searched(asked, looked_for).best)


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ("{", "is no JSON: "),
        ("[1]", "is no result of llmplan train, infer or search"),
        (
            '{"schema": "llmplan.train/1"}',
            "holds no request, as results of llmplan train, infer and search do from schema 2 on",
        ),
        ('{"schema": "llmplan.infer/2", "request": {}}', "is a result of llmplan infer, which has other options"),
        ('{"best": []}', "the search found no plan"),
        ('{"schema": "llmplan.train/2", "request": {"gpuss": 8}}', "gpuss is not an option (did you mean gpus?)"),
        ('{"schema": "llmplan.train/2", "request": {"gpus": "many"}}', "gpus: 'many' is not a whole number"),
    ],
)
def test_what_is_no_plan_costs_one_line(tmp_path, capsys, contents, message):
    """If it fails, a wrong file ends in a traceback."""
    path = tmp_path / "plan.json"
    path.write_text(contents, encoding="utf-8")
    assert main(("train", "--plan", str(path))) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"llmplan: {path}: {message}")
    assert err.partition("hint: ")[0].count("\n") == 1
