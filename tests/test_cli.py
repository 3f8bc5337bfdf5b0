"""The command line: what it prints where, with which exit code, and what it says to every kind of bad input."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys

import pytest
from attrs import evolve

from llmplan import infer, registry, train
from llmplan.cli.main import main
from llmplan.output.words import gib
from llmplan.request import InferRequest, TrainRequest, option_name, options_of
from llmplan_report.terminal.formats import to_markdown
from llmplan_report.terminal.report import report

ROOFLINE = ("--cost-model", "roofline")
NAMES = ("--model", "llama-65b", "--gpu", "h100-sxm-80gb", *ROOFLINE)
TRAIN = ("train", *NAMES, "--gpus", "1024", "--tp", "8", "--pp", "1")
INFER = ("infer", *NAMES, "--tp", "4", "--pp", "1")
TRAIN_OPTIONS = {
    "model": "llama-65b", "gpu": "h100-sxm-80gb", "cost_model": "roofline", "gpus": 1024, "tp": 8, "pp": 1,
}  # fmt: skip
TOO_LARGE = ("--gpus", "8", "--tp", "8", "--pp", "1")

# DESIGN.md, section 8
LAYOUT_KEYS = {"gpus", "tp", "pp", "vpp", "dp", "cp", "ep", "sp", "zero", "micro_batch", "gradient_accumulation"}
FORWARD_KEYS = {"attention", "mlp", "layernorm", "tp_comm", "input_embedding", "output_embedding_loss"}
SHARED_KEYS = {
    "schema", "model", "gpu", "dtype", "cost_model", "efficiency", "layout", "feasible", "memory_breakdown",
    "memory_bytes_per_gpu", "tokens_per_second", "warnings",
}  # fmt: skip
TRAIN_KEYS = SHARED_KEYS | {
    "iteration_seconds", "tokens_per_second_per_gpu", "mfu", "hfu", "time_breakdown", "forward_breakdown",
    "memory_capacity_bytes", "iterations", "training_seconds", "gpu_hours", "cost",
}  # fmt: skip
INFER_KEYS = SHARED_KEYS | {
    "prefill_seconds", "decode_seconds_per_token", "total_seconds", "prefill_breakdown", "decode_breakdown",
    "max_batch_size", "cost_per_million_tokens",
}  # fmt: skip


@pytest.fixture
def run(capsys):
    """Runs a command: exit code, standard output, standard error."""

    def ran(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(arguments)
        return code, *capsys.readouterr()

    return ran


@pytest.fixture
def document(run):
    """Runs a command with --json, which has to succeed: the one object that it prints."""

    def asked(*arguments: str) -> dict:
        code, out, err = run(*arguments, "--json")
        assert (code, err) == (0, "")
        return one_object(out)

    return asked


@pytest.fixture
def refused(run):
    """Runs a command that has to be refused: the message."""

    def asked(*arguments: str) -> str:
        code, out, err = run(*arguments)
        assert code == 2
        assert out == ""
        assert re.fullmatch(r"llmplan: [^\n]+\n(hint: llmplan [^\n]+\n)?", err)
        assert "Traceback" not in err
        return err.removeprefix("llmplan: ").partition("\n")[0]

    return asked


def one_object(text: str) -> dict:
    """The object, where the text is one JSON object and nothing else, without the NaN that JSON has not got."""

    def no_such_number(name: str) -> float:
        raise AssertionError(f"{name} is no JSON")

    parsed = json.loads(text, parse_constant=no_such_number)
    assert isinstance(parsed, dict)
    return parsed


# What goes well


def test_a_bare_training_question_gets_an_answer(run):
    """If it fails, the first thing that a newcomer types is refused."""
    code, out, err = run("train", "--model", "llama-65b", "--gpu", "h100-sxm-80gb")
    assert (code, err) == (0, "")
    for words in (
        "llama-65b on ",
        "GPU-hours",
        "Memory of the fullest GPU",
        "Assumed",
        "within 30 days",
    ):
        assert words in " ".join(out.split())


def test_a_bare_inference_question_gets_an_answer(run):
    """If it fails, the second thing that a newcomer types is refused."""
    code, out, err = run("infer", "--model", "llama-65b", "--gpu", "h100-sxm-80gb")
    assert (code, err) == (0, "")
    for words in ("first token", "each token", "sequences of 640 tokens a replica", "prompt-tokens 512"):
        assert words in out


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("models", ("llama-65b", "llama-65b-iso", "llama-3.1-405b")),
        ("gpus", ("v100-sxm2-32gb", "a100-sxm-80gb", "h100-sxm-80gb", "rtx-pro-6000-blackwell-server")),
        ("dtypes", ("w16a16e16", "w4a4e32")),
        ("cost-models", ("megatron", "roofline")),
        ("frameworks", ("megatron-core", "fsdp", "torchtitan")),
        ("optimizers", ("adam", "muon")),
        ("schedules", ("1f1b", "zero-bubble")),
    ],
)
def test_lists_show_names_that_can_be_copied(run, monkeypatch, kind, names):
    """If it fails, `llmplan list gpus | grep h100` finds nothing, since a name is broken over two lines."""
    monkeypatch.setenv("COLUMNS", "80")
    code, out, err = run("list", kind)
    assert (code, err) == (0, "")
    for name in names:
        assert name in out.split()


def test_a_list_of_what_there_is_to_list(run, monkeypatch):
    """If it fails, `llmplan list`, which a newcomer types first, says that something is missing."""
    monkeypatch.setenv("COLUMNS", "200")
    code, out, err = run("list")
    assert (code, err) == (0, "")
    numbers = {line.split()[0]: line.split()[1] for line in out.strip().split("\n")[1:]}
    assert numbers == {kind.plural: str(len(registry().catalogue(kind))) for kind in registry().kinds}
    assert json.loads(run("list", "--json")[1]).keys() == {kind.plural for kind in registry().kinds}


def test_a_kind_in_the_singular(run):
    """If it fails, `llmplan list gpu` is refused with a list in which its plural stands."""
    assert run("list", "gpu") == run("list", "gpus")


def test_gpus_are_listed_with_the_formats_that_people_ask_for(run, monkeypatch):
    """If it fails, nobody sees from the list which GPUs have FP4, or rates run into each other."""
    monkeypatch.setenv("COLUMNS", "100")
    heading, *lines = run("list", "gpus")[1].strip().split("\n")
    assert {"tf32", "16bit", "fp8", "fp4", "int8", "int4"} <= set(heading.split())
    rates = next(line for line in lines if line.startswith("b200-sxm")).split()
    assert rates[3:7] == ["1,125", "2,250", "4,500", "9,000"]


@pytest.mark.parametrize("kind", ["models", "gpus", "dtypes", "cost-models", "frameworks", "optimizers", "schedules"])
def test_lists_in_json_name_everything(run, kind):
    """If it fails, a script does not see a record that is there, or meets a key without a name."""
    code, out, err = run("list", kind, "--json")
    assert (code, err) == (0, "")
    rows = json.loads(out)
    assert [row["name"] for row in rows] == list(getattr(registry(), kind.replace("-", "_")))
    assert all(row["provider"].startswith("llmplan-") for row in rows)
    assert all(key for row in rows for key in row)


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("llama-65b", "model", ("65,285,660,672", "arXiv:2302.13971")),
        ("h100-sxm-80gb", "gpu", ("datasheet", "989", "3,350")),
        ("w8a8e16", "dtype", ("int8",)),
        ("roofline", "cost-model", ("FLOPs efficiency",)),
        ("megatron-core", "framework", ("data_overlap", "host_seconds_per_layer")),
        ("muon", "optimizer", ("newton_schulz_steps", "Jordan")),
        ("adam", "optimizer", ("8 bytes",)),
    ],
)
def test_a_record_is_shown_with_its_sources(run, document, monkeypatch, name, kind, words):
    """If it fails, a number cannot be traced from the command line."""
    monkeypatch.setenv("COLUMNS", "200")
    code, out, err = run("show", name)
    assert (code, err) == (0, "")
    assert all(word in out for word in words)
    shown = document("show", name)
    assert (shown["name"], shown["kind"]) == (name, kind)
    assert shown["schema"] == "llmplan.show/1"


def test_a_model_is_shown_with_its_parameters(document):
    """If it fails, a model's size has to be computed by hand."""
    shown = document("show", "llama-65b")
    assert shown["parameters"] == sum(shown["parameters_by_part"].values()) == 65_285_660_672
    assert shown["flops_per_token"]["training"] == 3 * shown["flops_per_token"]["forward"]


def test_plugins_are_listed(run, document):
    """If it fails, nobody sees what is installed."""
    code, out, err = run("plugins")
    assert (code, err) == (0, "")
    assert "llmplan-hardware-nvidia" in out
    listed = document("plugins")
    assert {row["status"] for row in listed["plugins"]} == {"ok"}
    assert listed["problems"] == []


def test_the_published_tables_agree(run, document):
    """If it fails, `llmplan validate llama` misses a printed digit or says so with the wrong exit code."""
    code, out, err = run("validate", "llama")
    assert (code, err) == (0, "")
    assert "MISS" not in out
    result = document("validate", "llama")
    assert {"schema", "set", "rows", "skipped", "summary"} <= set(result)
    assert {"id", "metric", "measured", "predicted", "error"} <= set(result["rows"][0])
    for row in result["rows"]:
        assert row["error"] == pytest.approx((row["predicted"] - row["measured"]) / row["measured"])
    for summary in result["summary"].values():
        assert set(summary) == {"rows", "mean_absolute_error", "median_error", "worst_error"}
    assert sum(summary["rows"] for summary in result["summary"].values()) == len(result["rows"]) >= 81


def test_the_version_is_printed(run):
    """If it fails, a bug report cannot say which llmplan it is about."""
    code, out, err = run("--version")
    assert (code, err) == (0, "")
    assert re.fullmatch(r"llmplan \d+\.\d+\.\d+\S*\n", out)


@pytest.mark.parametrize("command", [(), ("train",), ("infer",), ("list",), ("show",), ("plugins",), ("validate",)])
def test_help_is_printed(run, command):
    """If it fails, a command cannot be learnt from the command line."""
    code, out, err = run(*command, "--help")
    assert (code, err) == (0, "")
    assert out.startswith("Usage: llmplan")
    assert run(*command, "-h") == (0, out, "")


@pytest.mark.parametrize(("command", "request_"), [("train", TrainRequest), ("infer", InferRequest)])
def test_help_lists_every_option(run, command, request_):
    """If it fails, an option is there that nobody can find."""
    _, out, _ = run(command, "--help")
    for option in (*map(option_name, options_of(request_)), "plan", "json", "output", "reporter"):
        assert f"--{option}" in out


def test_no_command_at_all_shows_the_help_as_it_is_laid_out(run):
    """If it fails, the first thing that a newcomer sees is the whole help text squeezed into one line."""
    code, out, err = run()
    assert code in (0, 2)
    assert max(len(line) for line in (out + err).split("\n")) <= 100


# The JSON contract


def test_training_keeps_the_contract(document):
    """If it fails, scripts that read --json break."""
    result = document(*TRAIN, "--price-per-gpu-hour", "2")
    assert set(result) >= TRAIN_KEYS
    assert result["schema"] == "llmplan.train/2"
    assert set(result["layout"]) >= LAYOUT_KEYS
    assert set(result["forward_breakdown"]) == FORWARD_KEYS
    assert (result["model"], result["gpu"], result["dtype"]) == ("llama-65b", "h100-sxm-80gb", "w16a16e16")
    assert result["feasible"] is True
    assert isinstance(result["iterations"], int)
    assert result["cost"] == pytest.approx(2 * result["gpu_hours"])


def test_inference_keeps_the_contract(document):
    """If it fails, scripts that read --json break."""
    result = document(*INFER, "--price-per-gpu-hour", "2")
    assert set(result) >= INFER_KEYS
    assert result["schema"] == "llmplan.infer/2"
    assert set(result["layout"]) & LAYOUT_KEYS >= {"gpus", "tp", "pp", "dp"}
    assert set(result["prefill_breakdown"]) >= FORWARD_KEYS
    assert set(result["decode_breakdown"]) >= FORWARD_KEYS
    assert isinstance(result["max_batch_size"], int)


def test_breakdowns_sum_to_their_totals(document):
    """If it fails, parts and total of one answer contradict each other."""
    training, serving = document(*TRAIN), document(*INFER, "--batch", "7")
    for result, parts, total in (
        (training, "time_breakdown", "iteration_seconds"),
        (training, "memory_breakdown", "memory_bytes_per_gpu"),
        (serving, "prefill_breakdown", "prefill_seconds"),
        (serving, "decode_breakdown", "decode_seconds_per_token"),
        (serving, "memory_breakdown", "memory_bytes_per_gpu"),
    ):
        assert sum(result[parts].values()) == pytest.approx(result[total], rel=1e-12)
        assert all(value >= 0 for value in result[parts].values())
    layout = training["layout"]
    assert layout["tp"] * layout["pp"] * layout["dp"] == layout["gpus"]
    assert training["training_seconds"] == pytest.approx(training["iterations"] * training["iteration_seconds"])
    assert training["gpu_hours"] == pytest.approx(training["training_seconds"] * layout["gpus"] / 3600)


def test_figures_that_do_not_apply_are_null(document):
    """If it fails, a cost of 0 stands where no price is known."""
    training, serving = document(*TRAIN, "--mfu", "0.5"), document(*INFER)
    assert training["cost"] is training["forward_breakdown"] is serving["cost_per_million_tokens"] is None
    assert training["efficiency"] == {
        "mfu": 0.5, "flops": None, "hbm": None, "scale_up": None, "scale_out": None, "source": "given",
    }  # fmt: skip


def test_figures_have_full_precision(document):
    """If it fails, --json rounds."""
    estimate = train(**TRAIN_OPTIONS)
    result = document(*TRAIN)
    assert result["training_seconds"] == estimate.training_seconds
    assert result["memory_breakdown"] == estimate.memory_breakdown
    assert result["assumptions"] == list(estimate.plan.assumptions)


def test_the_command_line_and_python_agree(document):
    """If it fails, an option of the command line does not reach the plan."""
    given = {
        "tokens": ("1.4T", 1.4e12), "seq_len": ("1024", 1024), "micro_batch": ("2", 2), "global_batch": ("4096", 4096),
        "zero": ("2", 2), "recompute": ("full", "full"), "flops_efficiency": ("0.5", 0.5),
        "hbm_efficiency": ("0.9", 0.9),
        "scale_up_efficiency": ("0.8", 0.8), "scale_out_efficiency": ("0.7", 0.7), "price_per_gpu_hour": ("2.5", 2.5),
        "dtype": ("w16a16e32", "w16a16e32"), "dp": ("128", 128),
    }  # fmt: skip
    arguments = [word for name, (text, _) in given.items() for word in (f"--{option_name(name)}", text)]
    result = document(*TRAIN, *arguments, "--no-sequence-parallel")
    options = {name: value for name, (_, value) in given.items()}
    estimate = train(**TRAIN_OPTIONS, **options, sequence_parallel=False)
    assert result["gpu_hours"] == estimate.gpu_hours
    assert result["memory_bytes_per_gpu"] == estimate.memory_bytes_per_gpu
    assert result["cost"] == estimate.cost
    assert result["layout"]["sp"] is False
    assert result["layout"]["zero"] == 2
    assert (result["recompute"], result["seq_len"], result["tokens"]) == ("full", 1024, 1.4e12)


# Bad input

UNKNOWN = [
    (("--model", "llama-65"), "model: 'llama-65' is unknown; did you mean llama-65b, "),
    (("--gpu", "h100-sxm-80g"), "gpu: 'h100-sxm-80g' is unknown; did you mean h100-sxm-80gb"),
    (("--dtype", "fp7"), "dtype: 'fp7' is unknown; "),
    (("--cost-model", "rofline"), "cost-model: 'rofline' is unknown; did you mean roofline?"),
    (("--framework", "megatron-cor"), "framework: 'megatron-cor' is unknown; did you mean megatron-core"),
    (("--framework", "zzzzzz"), "framework: 'zzzzzz' is unknown; llmplan list frameworks shows what there is"),
    (("--model", "zzzzzz"), "model: 'zzzzzz' is unknown; llmplan list models shows what there is"),
]


@pytest.mark.parametrize(("given", "message"), UNKNOWN)
def test_an_unknown_name_gets_its_near_misses(refused, given, message):
    """If it fails, a typo costs a look into the listing."""
    assert refused("train", *NAMES, *given).startswith(message)


@pytest.mark.parametrize(
    ("word", "name"),
    [("h100", "h100-sxm-80gb"), ("A100", "a100-sxm-80gb"), ("v100", "v100-sxm2-32gb"), ("B200", "b200-sxm")],
)
def test_a_chip_by_its_short_name_is_the_usual_one_and_said(document, word, name):
    """If it fails, what everybody types first (h100, a100) is not understood, or a variant is priced without a word."""
    names = ("--model", "LLaMA-65B", "--gpu", word, "--dtype", "W16A16E16")
    result = document("train", *names, *ROOFLINE, "--gpus", "64", "--tp", "8", "--pp", "8", "--mfu", "0.4")
    assert (result["model"], result["gpu"], result["dtype"]) == ("llama-65b", name, "w16a16e16")
    assert f"gpu {word}: {name}" in result["assumptions"]
    assert not any("LLaMA" in said or "W16A16E16" in said for said in result["assumptions"])


CONTRADICTIONS = [
    (("--gpus", "100", "--tp", "8", "--pp", "8"), "gpus: 100 is not divisible by tp 8 x pp 8 = 64; 64 or 128 would be"),
    (("--gpus", "8", "--tp", "8", "--pp", "1", "--dp", "2"), "gpus: 8 is not divisible by tp 8 x pp 1 x dp 2 = 16"),
    (
        ("--gpus", "64", "--tp", "8", "--pp", "1", "--dp", "2"),
        "cp: 4 is not priced by the cost model roofline; megatron does",
    ),
    (("--pp", "81"), "pp: 81 is more than the 80 layers of llama-65b"),
    (("--tp", "128"), "tp: 128 is more than the 64 heads of llama-65b"),
    (("--dtype", "w16a4e16"), "dtype: w16a4e16 makes no sense: "),
    (("--dtype", "w16a4"), "dtype: w16a4 makes no sense: "),
    (("--dtype", "w3a8e16"), "dtype: w3a8e16: w3 is none of w4, w8, w16"),
    (("--dtype", "w8a8"), "dtype: w8a8 lacks the width of the embeddings: w8a8e16, for instance"),
    (("--json", "--reporter", "table"), "reporter: 'table' contradicts --json"),
    (("--reporter", "tabel"), "reporter: 'tabel' is unknown; did you mean table?"),
    (("--output", "plan.xlsx"), "output: 'plan.xlsx' does not end in .json, .csv, .md, .txt"),
    (("--output", "plan"), "output: 'plan' does not end in .json, .csv, .md, .txt"),
    (("--output", ""), "output: '' says nothing"),
    (
        ("--dtype", "mine.toml"),
        "dtype: mine.toml: only models, gpus, clusters, frameworks, engines, optimizers and sites can be given as",
    ),
    (
        ("--cost-model", "mine.toml"),
        "cost-model: mine.toml: only models, gpus, clusters, frameworks, engines, optimizers and sites can be given",
    ),
    (("--model", "missing.toml"), "missing.toml: No such file or directory"),
    (("--gpu", "missing.toml"), "missing.toml: No such file or directory"),
    (("--plan", "missing.toml"), "missing.toml: No such file or directory"),
    (("--model", ""), "model: '' says nothing"),
    (("--no-such-option",), "No such option: --no-such-option"),
    (("--gpus",), "Option '--gpus' requires an argument"),
    (("llama-7b",), "model: 'llama-7b' and --model 'llama-65b' are both given"),
    (("llama-7b", "surplus"), "Got unexpected extra argument"),
]
OF_TRAINING = [
    (("--seq-len", "4096"), "seq-len: 4096 is beyond the context of llama-65b, 2048"),
    (("--mfu", "0.5", "--flops-efficiency", "0.5"), "mfu: 0.5 contradicts flops-efficiency 0.5; "),
    (("--mfu", "0.5", "--scale-out-efficiency", "0.5"), "mfu: 0.5 contradicts scale-out-efficiency 0.5; "),
    (
        ("--global-batch", "2048", "--global-batch-tokens", "4M"),
        "global-batch: 2048 contradicts global-batch-tokens 4,000,000; give one of them",
    ),
    (
        ("--gpus", "64", "--tp", "8", "--pp", "1", "--global-batch", "100"),
        "global-batch: 100 is not divisible by dp 8 x micro-batch 1 = 8; 96 or 104 would be",
    ),
    (("--recompute", "selective"), "recompute: 'selective' is not one of none, attention-compute, "),
    (("--zero", "4"), "zero: '4' is not a whole number, 0 to 3"),
    (("--mfu", "50"), "mfu: '50' is not a fraction above 0 and at most 1"),
    (("--tokens", "1.4X"), "tokens: '1.4X' is not a positive number, like 1.4e12 or 1.4T"),
    (("--gpus", "8", "--tokens", "1000"), "tokens: 1,000 is less than one iteration of "),
    (("--batch", "8"), "No such option: --batch"),
    (("--schedule", "gpipe"), "schedule: 'gpipe' is unknown; did you mean dualpipe?"),
    (("--tuning", "adapters"), "tuning: 'adapters' is not one of full, lora, qlora"),
    (
        ("--offload", "weights"),
        "offload: 'weights' is not one of none, optimizer, activations, all, para",
    ),
    (("--tuning", "full", "--lora-rank", "8"), "lora-rank: 8 with tuning full, which trains all weights"),
    (("--tuning", "full", "--lora-targets", "q"), "lora-targets: q with tuning full, which trains all weights"),
    (
        ("--gpus", "8", "--max-micro-batch", "auto", "--micro-batch", "2"),
        "max-micro-batch: auto contradicts micro-batch 2; give one of them",
    ),
    (("--max-micro-batch", "most"), "max-micro-batch: 'most' is not a whole number of at least 1"),
    (("--framework", "mine.toml"), "mine.toml: No such file or directory"),
    (("--gpus", "16", "--tp", "8", "--pp", "1", "--cp", "2"), "cp: 2 is not priced by the cost model roofline; "),
    (
        ("--cost-model", "megatron", "--gpus", "16", "--tp", "8", "--pp", "2", "--vpp", "64"),
        "vpp: 64 x pp 2 = 128 is more than the 80 layers of llama-65b; at most 40 would do",
    ),
]
OF_INFERENCE = [
    (
        ("--prompt-tokens", "2000", "--output-tokens", "49"),
        "prompt-tokens: 2000 with output-tokens 49 is beyond the context of llama-65b, 2048",
    ),
    (("--mfu", "0.5"), "No such option: --mfu"),
    (("--tokens", "1T"), "No such option: --tokens"),
]


@pytest.mark.parametrize(
    ("command", "given", "message"),
    [
        *(("train", *row) for row in (*CONTRADICTIONS, *OF_TRAINING)),
        *(("infer", *row) for row in (*CONTRADICTIONS[::3], *OF_INFERENCE)),
    ],
)
def test_bad_input_costs_one_line_and_exit_code_2(refused, tmp_path, monkeypatch, command, given, message):
    """If it fails, a plan that cannot be is priced, crashes, or is refused without the reason."""
    monkeypatch.chdir(tmp_path)
    assert refused(command, *NAMES, *given).startswith(message)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train",), "model: not given; llmplan list models shows "),
        (("train", "--model", "llama-7b"), "gpu: not given; llmplan list gpus shows "),
        (("infer", "--gpu", "l4"), "model: not given; llmplan list models shows "),
        (("trian",), "No such command 'trian'. Did you mean 'train'?"),
        (("frob",), "No such command 'frob'; llmplan --help shows what there is"),
        (("--no-such-option",), "No such option: --no-such-option; llmplan --help lists them"),
        (("train", "--xyzzy"), "No such option: --xyzzy; llmplan train --help lists them"),
        (("train", "--micro_batch", "2"), "No such option: --micro_batch; did you mean --micro-batch or "),
        (("train", "--gpu-count", "8"), "No such option: --gpu-count; here it is --gpus"),
        (("train", "--kv-bits", "8"), "No such option: --kv-bits; llmplan infer has it"),
        (("train", "--micro-batch-size", "8"), "No such option: --micro-batch-size; here it is --micro-batch"),
        (
            ("train", "--tensor-model-parallel-size", "8"),
            "No such option: --tensor-model-parallel-size; here it is --tp",
        ),
        (("train", "--per_device_train_batch_size", "8"), "No such option: --per_device_train_batch_size; here it is "),
        (("train", "--batch-size", "8"), "No such option: --batch-size; here it is --micro-batch or --global-batch"),
        (("train", "--users", "8"), "No such option: --users; llmplan infer has it, as --concurrency"),
        (("train", "--deadline", "3w"), "No such option: --deadline; llmplan search train has it, as --finish-within"),
        (("infer", "--tensor-parallel-size", "8"), "No such option: --tensor-parallel-size; here it is --tp"),
        (("infer", "--batch-size", "8"), "No such option: --batch-size; here it is --batch"),
        (("infer", "--users", "8"), "No such option: --users; here it is --concurrency"),
        (("infer", "--input-len", "8"), "No such option: --input-len; here it is --prompt-tokens"),
        (("infer", "--max-num-seqs", "8"), "No such option: --max-num-seqs; here it is --max-sequences"),
        (("train", "--ttft", "1s"), "No such option: --ttft; llmplan infer has it"),
        (("infer", "--objective", "cost"), "No such option: --objective; llmplan search infer has it"),
        (("train", "--objective", "cost"), "No such option: --objective; llmplan search train has it"),
        (("train", "--workers", "2"), "No such option: --workers; llmplan search train has it"),
        (("search", "infer", "--compare", "gpu=l4"), "No such option: --compare; llmplan infer has it"),
        (("train", "--port", "80"), "No such option: --port; llmplan serve has it"),
        (("train", "--model"), "Option '--model' requires an argument."),
        (("infer", "a", "b"), "Got unexpected extra argument(s) (b); llmplan infer --help shows what there"),
        (("list", "gpuz"), "list: 'gpuz' is none of models, gpus, clusters, dtypes, cost-models"),
        (("list", "models", "surplus"), "Got unexpected extra argument"),
        (("show",), "Missing argument 'name': Of a model, gpu, dtype, "),
        (("show", "llama-65"), "show: 'llama-65' is unknown; did you mean llama-65b, "),
        (("show", "zzzzzz"), "show: 'zzzzzz' is unknown; llmplan list models, gpus, dtypes or cost-models shows all"),
        (("show", "w16a4e16"), "dtype: w16a4e16 makes no sense: "),
        (("validate",), "Missing argument 'name': Set of figures: llmplan list validation-sets."),
        (("validate", "lama"), "validation set: 'lama' is unknown; did you mean llama?"),
        (("plugins", "surplus"), "No such command 'surplus'; llmplan plugins --help shows what there is"),
    ],
)
def test_a_wrong_command_costs_one_line_and_exit_code_2(refused, arguments, message):
    """If it fails, a slip of the keyboard ends in a page of help or a traceback."""
    assert refused(*arguments).startswith(message)


NUMERIC = [
    (command, name)
    for command, request in (("train", TrainRequest), ("infer", InferRequest))
    for name, metadata in options_of(request).items()
    if not metadata["word"] and (command == "train" or name not in options_of(TrainRequest))
]
MAY_BE_ZERO = {"zero", "price_per_gpu_hour", "restart_seconds", "requests", "seed", "prefix_hit_rate"}
MAY_BE_ZERO |= {"memory_headroom"}


@pytest.mark.parametrize(("command", "name"), NUMERIC)
def test_no_numeric_option_takes_nonsense(refused, command, name):
    """If it fails, a zero, a negative number or a NaN goes into the formulas."""
    option = option_name(name)
    for value in ("-1", "nan", "x") if name in MAY_BE_ZERO else ("0", "-1", "nan"):
        assert refused(command, *NAMES, f"--{option}", value).startswith(f"{option}: '{value}' is not a ")


def test_every_numeric_option_is_tried():
    """If it fails, the table above has lost its options."""
    names = {name for _, name in NUMERIC}
    assert {"gpus", "cp", "ep", "vpp", "max_micro_batch", "gradient_bits", "lora_rank", "expert_imbalance"} <= names
    assert {"batch", "rate", "kv_bits", "concurrency", "acceptance_rate"} <= {name for _, name in NUMERIC}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gpus = 8\ntp = 8 8\n", "plan.toml: line 2, column 8: "),
        ("gpus = 8\nmicro_bach = 4\n", "plan.toml: line 2: micro_bach is not an option (did you mean micro_batch?)"),
        ("gpus = -8\n", "plan.toml: line 1: gpus: -8 is not a whole number of at least 1"),
        ("tp = 8\n[model]\nname = 'mini'\nlayers = 8.5\n", "plan.toml: line 4: layers: 8.5 is not a whole number"),
        (b"model = '\xff'\n", "plan.toml: is not UTF-8 text"),
    ],
)
def test_a_malformed_plan_costs_one_line_that_names_file_line_and_field(refused, tmp_path, monkeypatch, text, message):
    """If it fails, a mistake in a plan file is searched for by hand."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plan.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    assert refused("train", "--plan", "plan.toml").startswith(message)


@pytest.mark.parametrize("place", ["missing/plan.json", "file/plan.json", "folder.json"])
def test_an_output_that_cannot_be_written_costs_one_line(refused, tmp_path, place):
    """If it fails, a wrong --output prints an answer as if all were well, or ends in a traceback."""
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder.json").mkdir()
    target = tmp_path / place
    assert refused(*TRAIN, "--output", str(target)).startswith(f"output: {target}: ")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.json"]


def test_too_many_heads_are_named_as_such(refused):
    """If it fails, tp 65 of a model with 64 heads is blamed on the number of GPUs."""
    assert refused("train", *NAMES, "--tp", "65").startswith("tp: 65 is more than the 64 heads of llama-65b")


# Plans that do not fit


@pytest.mark.parametrize("command", ["train", "infer"])
def test_a_plan_that_does_not_fit_says_by_how_much_and_where(run, command):
    """If it fails, somebody books GPUs on which the run stops at once."""
    sizes = TOO_LARGE if command == "train" else ("--gpus", "1", "--tp", "1", "--pp", "1")
    code, out, err = run(command, *NAMES, *sizes, "--json")
    assert code == 3
    result = one_object(out)
    assert result["feasible"] is False
    used, capacity = result["memory_bytes_per_gpu"], result.get("memory_capacity_bytes")
    assert re.fullmatch(r"llmplan: does not fit: [^\n]+\nhint: llmplan [^\n]+\n", err)
    assert f"does not fit: {gib(used - capacity)} more than" in err
    largest = sorted(result["memory_breakdown"].items(), key=lambda part: -part[1])[:3]
    assert "; " + ", ".join(f"{part} {gib(size)}" for part, size in largest) in err


def test_a_plan_that_does_not_fit_is_reported_and_written_too(run, tmp_path):
    """If it fails, a plan that is too large cannot be looked at."""
    target = tmp_path / "plan.json"
    code, out, err = run("train", *NAMES, *TOO_LARGE, "--output", str(target))
    assert code == 3
    assert "too much" in out
    assert "does not fit" in err
    assert one_object(target.read_text())["feasible"] is False


# Plan files

PLAN = """
model = "llama-65b"
gpu = "a100-sxm-80gb"
gpus = 2048
tp = 8
pp = 8
tokens = "1.4T"
flops_efficiency = 0.5
hbm_efficiency = 0.9
global_batch = 4096
cost_model = "roofline"
"""


@pytest.fixture
def plan(tmp_path):
    """A plan in a file."""
    path = tmp_path / "plan.toml"
    path.write_text(PLAN)
    return str(path)


def test_a_plan_file_is_the_same_as_its_options(document, plan):
    """If it fails, a plan means something else in a file than on the command line."""
    from_file = document("train", "--plan", plan)
    options = [
        word
        for line in PLAN.strip().split("\n")
        for word in (f"--{option_name(line.split(' = ')[0])}", line.split(" = ")[1].strip('"'))
    ]
    assert from_file == document("train", *options)


HOW = {
    "cp": ("2", 2, "cp = 2"),
    "ep": ("4", 4, "ep = 4"),
    "vpp": ("2", 2, "vpp = 2"),
    "schedule": ("zero-bubble", "zero-bubble", 'schedule = "zero-bubble"'),
    "framework": ("fsdp", "fsdp", 'framework = "fsdp"'),
    "optimizer": ("muon", "muon", 'optimizer = "muon"'),
    "master_weights": ("--no-master-weights", False, "master_weights = false"),
    "gradient_bits": ("16", 16, "gradient_bits = 16"),
    "reduction_bits": ("16", 16, "reduction_bits = 16"),
    "tuning": ("qlora", "qlora", 'tuning = "qlora"'),
    "lora_rank": ("64", 64, "lora_rank = 64"),
    "lora_targets": ("q+v", "q+v", 'lora_targets = "q+v"'),
    "cross_entropy": ("cut", "cut", 'cross_entropy = "cut"'),
    "offload": ("all", "all", 'offload = "all"'),
    "expert_tp": ("1", 1, "expert_tp = 1"),
    "expert_imbalance": ("1.5", 1.5, "expert_imbalance = 1.5"),
}
"""By option: on the command line, in Python, in a plan file."""
HOW_BASE = {
    "model": "mixtral-8x7b", "gpu": "h100-sxm-80gb", "dtype": "bf16", "gpus": 64, "tp": 4, "pp": 4, "recompute": "full",
    "micro_batch": 1, "zero": 1, "schedule": "1f1b", "global_batch": 256, "cp": 1, "ep": 2, "vpp": 1, "offload": "none",
}  # fmt: skip


@pytest.mark.parametrize("name", HOW)
def test_how_a_run_trains_is_the_same_in_a_file_in_python_and_on_the_command_line(document, tmp_path, name):
    """If it fails, an option of training does nothing in one of the three, or another thing in each."""
    text, value, line = HOW[name]
    held = {option: given for option, given in HOW_BASE.items() if option != name}
    base = [word for option, given in held.items() for word in (f"--{option_name(option)}", str(given))]
    path = tmp_path / "plan.toml"
    lines = (f"{option} = {json.dumps(given)}" for option, given in held.items())
    path.write_text("\n".join([*lines, line, ""]))
    option = (text,) if text.startswith("--") else (f"--{option_name(name)}", text)
    result = document("train", *base, *option)
    assert document("train", "--plan", str(path)) == result
    estimate = train(**held, **{name: value})
    assert result["time_breakdown"] == estimate.time_breakdown
    assert result["memory_breakdown"] == estimate.memory_breakdown
    plain = train(**HOW_BASE)
    without = (plain.time_breakdown, plain.memory_breakdown)
    assert (estimate.time_breakdown, estimate.memory_breakdown) != without


def test_the_command_line_wins_over_a_plan_file(document, plan):
    """If it fails, somebody who varies a plan prices the unvaried one."""
    result = document("train", "--plan", plan, "--gpu", "h100-sxm-80gb", "--gpus", "1024", "--flops-efficiency", "0.4")
    assert (result["gpu"], result["layout"]["gpus"], result["layout"]["tp"]) == ("h100-sxm-80gb", 1024, 8)
    assert (result["efficiency"]["flops"], result["efficiency"]["hbm"]) == (0.4, 0.9)


def test_an_mfu_on_the_command_line_replaces_the_efficiencies_of_a_plan_file(document, plan):
    """If it fails, a plan with efficiencies cannot be looked at with an MFU, or both are used."""
    result = document("train", "--plan", plan, "--mfu", "0.45")
    assert result["efficiency"]["mfu"] == 0.45
    assert result["mfu"] == pytest.approx(0.45, rel=1e-12)
    assert result["efficiency"]["flops"] is None


def test_efficiencies_on_the_command_line_replace_the_mfu_of_a_plan_file(document, tmp_path):
    """If it fails, a plan with an MFU cannot be looked at with efficiencies."""
    path = tmp_path / "plan.toml"
    path.write_text(re.sub(r"\w+_efficiency = .*\n", "", PLAN) + "mfu = 0.45\n")
    result = document("train", "--plan", str(path), "--flops-efficiency", "0.5")
    assert (result["efficiency"]["mfu"], result["efficiency"]["flops"]) == (None, 0.5)


@pytest.mark.parametrize(
    ("in_file", "given"),
    [
        ("global_batch = 4096", ("--global-batch-tokens", "2M")),
        ("global_batch_tokens = 8e6", ("--global-batch", "1024")),
    ],
)
def test_a_batch_on_the_command_line_replaces_the_other_kind_of_a_plan_file(document, tmp_path, in_file, given):
    """If it fails, a plan with a batch in sequences cannot be looked at with one in tokens."""
    path = tmp_path / "plan.toml"
    path.write_text(PLAN.replace("global_batch = 4096", f"{in_file}\nmicro_batch = 1"))
    expected = 1024 if given[0] == "--global-batch" else 992
    assert document("train", "--plan", str(path), *given)["global_batch"] == expected


def test_what_contradicts_itself_in_a_plan_file_is_refused(refused, plan, tmp_path):
    """If it fails, one of two numbers of a plan file is dropped without a word."""
    path = tmp_path / "both.toml"
    path.write_text(PLAN + "mfu = 0.5\n")
    assert "mfu" in refused("train", "--plan", str(path))
    assert "global-batch" in refused("train", "--plan", plan, "--global-batch-tokens", "4M", "--global-batch", "8")


def test_models_and_gpus_of_ones_own(document, tmp_path):
    """If it fails, --model FILE.toml and --gpu FILE.toml do not work from the command line."""
    model, gpu = tmp_path / "model.toml", tmp_path / "gpu.toml"
    model.write_text(
        "name = 'mine'\nlayers = 4\nhidden = 512\nheads = 8\nffn_hidden = 2048\ngated_mlp = true\nvocab = 32000\n"
    )
    gpu.write_text(
        "name = 'my-gpu'\nmemory_gib = 16\nmemory_bandwidth_gb_per_s = 500\nfp16_tflops = 50\n"
        "scaleup_bandwidth_gb_per_s = 16\n"
    )
    for command in ("train", "infer"):
        result = document(command, "--model", str(model), "--gpu", str(gpu), *ROOFLINE)
        assert (result["model"], result["gpu"]) == ("mine", "my-gpu")


def test_a_plan_may_hold_its_model_and_gpu(document, tmp_path):
    """If it fails, a plan cannot be kept, or sent, in one file."""
    path = tmp_path / "plan.toml"
    path.write_text(
        "tp = 1\n[model]\nname = 'mine'\nlayers = 4\nhidden = 512\nheads = 8\nffn_hidden = 2048\ngated_mlp = true\n"
        "vocab = 32000\n[gpu]\nname = 'my-gpu'\nmemory_gib = 16\nmemory_bandwidth_gb_per_s = 500\nfp16_tflops = 50\n"
        "scaleup_bandwidth_gb_per_s = 16\n"
    )
    result = document("infer", "--plan", str(path), *ROOFLINE)
    assert (result["model"], result["gpu"]) == ("mine", "my-gpu")
    assert document("infer", "--plan", str(path), *ROOFLINE, "--model", "llama-3.2-1b")["model"] == "llama-3.2-1b"


# Ways out


@pytest.mark.parametrize("command", [TRAIN, INFER])
def test_every_kind_of_output_is_written_and_can_be_read(run, document, tmp_path, command):
    """If it fails, --output writes a file that its program cannot read, or other figures than were printed."""
    expected = document(*command)
    files = {suffix: tmp_path / f"plan.{suffix}" for suffix in ("json", "csv", "md", "txt")}
    for path in files.values():
        code, out, err = run(*command, "--output", str(path))
        assert (code, err) == (0, "")
        assert "Figures" in out
    assert one_object(files["json"].read_text()) == expected
    rows = list(csv.reader(io.StringIO(files["csv"].read_text())))
    assert rows[0] == ["figure", "value"]
    figures = dict(rows[1:])
    assert len(figures) == len(rows) - 1
    assert float(figures["memory_breakdown.weights"]) == expected["memory_breakdown"]["weights"]
    assert figures["layout.tp"] == str(expected["layout"]["tp"])
    assert figures["assumptions.0"] == expected["assumptions"][0]
    table = files["md"].read_text().strip().split("\n")
    assert table[:2] == ["| figure | value |", "| --- | --- |"]
    assert len(table) == len(rows) + 1
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 3 for line in table)
    text = files["txt"].read_text()
    assert "\x1b" not in text
    assert max(len(line) for line in text.split("\n")) <= 100
    estimate = train(**TRAIN_OPTIONS) if command is TRAIN else None
    assert estimate is None or text == report(estimate, width=100, sources=True)


def test_a_bar_in_a_value_does_not_break_a_markdown_table():
    """If it fails, an assumption with a | in it makes a fourth column."""
    estimate = infer(model="llama-7b", gpu="l4", tp=1, pp=1, cost_model="roofline")
    estimate = evolve(estimate, plan=evolve(estimate.plan, assumptions=("a|b",)))
    assert r"| assumptions.0 | a\|b |" in to_markdown(estimate).decode().split("\n")


def test_reporters_print_what_they_say(run):
    """If it fails, --reporter is ignored."""
    plain = run(*TRAIN)
    assert run(*TRAIN, "--reporter", "table") == plain
    as_json = run(*TRAIN, "--json")
    assert run(*TRAIN, "--reporter", "json") == run(*TRAIN, "--json", "--reporter", "json") == as_json
    assert plain != as_json


def test_an_old_terminal_gets_its_report_too(monkeypatch):
    """If it fails, a terminal or a pipe that is not UTF-8 (Windows, LANG=C) gets a traceback for its report."""
    for encoding in ("ascii", "latin-1", "cp1252"):
        buffer = io.BytesIO()
        stream = io.TextIOWrapper(buffer, encoding=encoding)
        monkeypatch.setattr(sys, "stdout", stream)
        assert main(TRAIN) == 0
        stream.flush()
        assert b"GPU-hours" in buffer.getvalue()


# Warnings


def test_an_uneven_split_is_warned_of(document):
    """If it fails, the published 33B row (52 heads at tp 8, 60 layers at pp 8) looks like an even split."""
    options = (
        "--model",
        "llama-33b-iso",
        "--gpu",
        "a100-sxm-80gb",
        *ROOFLINE,
        "--gpus",
        "2048",
        "--tp",
        "8",
        "--pp",
        "8",
    )
    warnings = document("train", *options)["warnings"]
    assert any("tp 8 does not divide the 52 heads of llama-33b-iso" in warning for warning in warnings)
    assert any("pp 8 does not divide the 60 layers of llama-33b-iso" in warning for warning in warnings)
    even = document("train", *options, "--model", "llama-65b-iso")["warnings"]
    assert not any("does not divide" in warning for warning in even)


def test_a_fallback_is_stated(document, run):
    """If it fails, w4a4 on a GPU without INT4 units is priced in another format without a word."""
    result = document(*INFER, "--dtype", "w4a4e16")
    assert result["gemm_format"] == "int8"
    assert any("h100-sxm-80gb has no int4 units: w4a4e16 multiplies in int8" in said for said in result["warnings"])
    assert "has no int4 units" in " ".join(run(*INFER, "--dtype", "w4a4e16")[1].split())
    on_ampere = document(*INFER, "--dtype", "w4a4e16", "--gpu", "a100-sxm-80gb")
    assert on_ampere["gemm_format"] == "int4"
    assert not any("units" in said for said in on_ampere["warnings"])


def test_a_gpu_without_the_format_is_refused(refused, tmp_path):
    """If it fails, 16-bit training is priced on a device that has integer units alone."""
    gpu = tmp_path / "gpu.toml"
    gpu.write_text(
        "name = 'int-only'\nmemory_gib = 16\nmemory_bandwidth_gb_per_s = 500\nint8_tops = 50\n"
        "scaleup_bandwidth_gb_per_s = 16\n"
    )
    message = refused("infer", "--model", "llama-7b", "--gpu", str(gpu))
    assert message == "dtype: w16a16e16 multiplies in fp16 or bf16; int-only has int8"


# Completion


COMPLETED = {
    "train --model llama-6": {"llama-65b", "llama-65b-iso"},
    "infer --gpu h100-": {"h100-pcie-80gb", "h100-sxm-80gb", "h100-sxm-96gb-500w", "h100-nvl-94gb"},
    "train --framework megatron-d": {"megatron-deepspeed", "megatron-deepspeed-2023"},
    "train --optimizer ada": {"adafactor", "adam", "adam-8bit", "adam-8bit-paged", "adam-bf16", "adam-paged"},
    "train --schedule z": {"zero-bubble"},
    "train --tuning q": {"qlora"},
    "show w4a4": {"w4a4e16", "w4a4e32"},
}
ASKED = """
import os, sys
from llmplan.cli.main import main

for words in sys.argv[1:]:
    os.environ |= {"COMP_WORDS": f"llmplan {words}", "COMP_CWORD": str(len(words.split()))}
    try:
        main([])
    except SystemExit as done:
        if done.code:
            raise
    print("that is all")
"""


def test_the_shell_completes_registered_names():
    """If it fails, names have to be typed in full."""
    finished = subprocess.run(
        [sys.executable, "-c", ASKED, *COMPLETED],  # one process, which is told by its environment that a shell asks
        env=os.environ | {"_LLMPLAN_COMPLETE": "complete_bash"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (finished.returncode, finished.stderr) == (0, "")
    found = finished.stdout.split("that is all")[:-1]
    assert {words: set(one.split()) for words, one in zip(COMPLETED, found, strict=True)} == COMPLETED


def test_several_files_are_written_at_once(run, tmp_path):
    """If it fails, of two files only the last is written, and nobody is told."""
    first, second = tmp_path / "a.csv", tmp_path / "b.md"
    files = ("--output", str(first), "--output", str(second))
    for gpus in ("8", "8,16"):
        assert run("train", "--model", "llama-7b", "--gpu", "h100-sxm-80gb", "--gpus", gpus, *files)[0] == 0
        assert first.read_text(encoding="utf-8").count(",") > 10
        assert second.read_text(encoding="utf-8").startswith("| ")
        first.unlink()
        second.unlink()


def test_a_command_of_a_package_may_name_one_of_the_core(run):
    """If it fails, ``llmplan report train`` is no command, and ``explain train`` neither."""
    assert run("explain", "infer")[2].startswith("llmplan: explain: 'infer' is unknown")
    assert run("explain", "train", "--help")[0] == 0
