"""A server under load on the command line: what it prints, with which exit code, and how it joins other options."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys

import pytest

from llmplan.cli.main import main

LENGTHS = ("--prompt-tokens", "1024", "--output-tokens", "64")
INFER = ("infer", "--model", "llama-3.2-1b", "--gpu", "h100-sxm-80gb", *LENGTHS)
QUICK = ("--requests", "150")
RATE = (*INFER, *QUICK, "--rate", "5/s")


@pytest.fixture
def run(capsys):
    """Runs a command: exit code, standard output, standard error."""

    def ran(*arguments):
        capsys.readouterr()
        code = main(arguments)
        return code, *capsys.readouterr()

    return ran


ALIKE = ("--prompt-lengths", "fixed", "--output-lengths", "fixed")


def test_the_report_says_what_a_user_asks(run):
    """Latency, throughput, memory and price, what each phase is bound by, and what would shorten it."""
    code, out, err = run(*RATE, "--price-per-gpu-hour", "2")
    assert (code, err) == (0, "")
    for words in (
        "5 requests/s", "% of capacity", "limited by", "per million input", "J per output token", "closed form",
        "simulated", "p99", "first token", "of it waiting", "each token", "whole answer", "Prefill of one prompt",
        "bound by", "shorter with", "Decode step of", "Memory of the fullest GPU", "kv_cache",
        "requests come at random",
    ):  # fmt: skip
        assert words in " ".join(out.split()), words
    assert "--batch" not in out


def test_json_is_one_object_with_closed_form_and_simulation(run):
    """They are near each other, and the percentiles are in order."""
    code, out, err = run(*RATE, "--json")
    printed = json.loads(out)
    server = printed["server"]
    assert (code, err, printed["batch"], printed["feasible"]) == (0, "", None, True)
    assert printed["first_token_seconds"] == server["simulated"]["means"]["first_token_seconds"]
    assert server["closed_form"]["total_seconds"] == pytest.approx(printed["total_seconds"], rel=0.02)
    assert server["simulated"]["total"]["p50"] <= server["simulated"]["total"]["p99"]
    assert printed["tokens_per_second"] == pytest.approx(5 * 64)
    assert server["share_of_capacity"] == pytest.approx(5 / server["capacity"]["requests_per_second"])


def test_a_trickle_is_the_batch_of_one(run):
    """With one user the server is `--batch 1`: the same prefill, the same steps of decoding on average."""
    alone = json.loads(run(*INFER, "--batch", "1", "--json")[1])
    served = json.loads(run(*INFER, "--requests", "0", "--concurrency", "1", "--json")[1])
    assert served["first_token_seconds"] == pytest.approx(alone["first_token_seconds"], rel=1e-3)
    assert served["next_token_seconds"] == pytest.approx(alone["next_token_seconds"], rel=0.01)
    assert served["total_seconds"] == pytest.approx(alone["total_seconds"], rel=0.01)


def test_more_than_can_be_answered_is_exit_code_3(run):
    """One line with the rate, the capacity and what would serve it, which does."""
    code, out, err = run(*INFER, *QUICK, "--rate", "5000/s", "--dp", "2")
    assert code == 3
    assert "more than can be answered" in out
    assert err.startswith("llmplan: overloaded: 5,000 requests/s come, ")
    assert err.partition("hint: ")[0].count("\n") == 1
    replicas = err.split("--dp ")[1].split()[0]
    assert run(*INFER, "--requests", "0", "--rate", "5000/s", "--dp", replicas)[0] == 0
    slower = re.search(r"these --rate (\S+)", err)[1]
    assert run(*INFER, "--requests", "0", "--rate", slower, "--dp", "2")[0] == 0


def test_replicas_are_advised_with_the_gpus_that_they_take(run):
    """If it fails, who gave the GPUs follows the advice and is told that they do not divide."""
    given = ("--requests", "0", "--rate", "5000/s")
    code, _, err = run(*INFER, *given, "--gpus", "1")
    assert code == 3
    advice = err.split("; ")[1].split(" would")[0].split()
    assert advice[::2] == ["--gpus", "--dp"]
    assert run(*INFER, *given, *advice)[0] == 0


def test_a_share_may_be_none_or_all(run):
    """If it fails, the default of an option cannot be said."""
    assert run(*INFER, *QUICK, "--rate", "1/s", "--prefix-hit-rate", "0")[0] == 0
    assert "is not a fraction from 0 to 1" in run(*INFER, *QUICK, "--rate", "1/s", "--prefix-hit-rate", "1.5")[2]


def test_more_than_separate_pools_can_answer(run):
    """Both are sized."""
    one = ("--tp", "1", "--pp", "1")
    code, _, err = run(*INFER, *one, "--rate", "500/s", "--dp", "1", "--prefill-replicas", "1")
    assert code == 3
    assert "dp 1 with 1 prefill replicas can answer" in err
    decoding, prefill = err.split("--dp ")[1].split()[0], err.split("--prefill-replicas ")[1].split()[0]
    pools = ("--dp", decoding, "--prefill-replicas", prefill)
    assert run(*INFER, *one, "--requests", "0", "--rate", "500/s", *pools)[0] == 0


def test_a_server_that_does_not_fit_is_exit_code_3(run):
    """By how many bytes, as of a batch."""
    one = ("--model", "llama-2-70b", "--gpu", "a100-sxm-80gb", "--tp", "1", "--pp", "1", "--dp", "1")
    code, out, err = run("infer", *one, "--rate", "1/s")
    assert code == 3
    assert "too much" in out
    assert err.startswith("llmplan: does not fit: ")
    assert "the cache is that of the longest sequence" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--rate", "2/lustrum"), "rate: '2/lustrum' is not a rate like 2/s, 90/min or 5000/h"),
        (("--rate", "2/s", "--batch", "3"), "batch: contradicts rate: a loaded server makes its own batches"),
        (("--seed", "1"), "seed: means something under a load: give rate, concurrency or trace"),
        (("--rate", "2/s", "--cost-model", "roofline"), "rate: the cost model roofline prices no server under load"),
        (("--rate", "2/s", "--acceptance-rate", "0.5"), "acceptance-rate: needs speculative-tokens too"),
        (("--rate", "2/s", "--acceptance-rate", "1.5"), "acceptance-rate: '1.5' is not a fraction"),
        (("--rate", "2/s", "--draft-model", "llama-9"), "acceptance"),
    ],
)
def test_bad_input_is_one_line(run, arguments, said):
    """Exit code 2, the option, the value, and what would be right."""
    code, out, err = run(*INFER, *arguments)
    assert (code, out) == (2, "")
    assert err.partition("hint: ")[0].count("\n") == 1
    assert said in err or "draft-model" in err


def test_a_trace_and_its_bad_line(run, tmp_path):
    """A published trace as it is, and where a bad one is bad."""
    path = tmp_path / "trace.csv"
    path.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6805900,374,44\n", encoding="utf-8")
    options = ("infer", "--model", "llama-3.2-1b", "--gpu", "h100-sxm-80gb", "--trace", str(path))
    code, out, err = run(*options)
    assert (code, err) == (0, "")
    assert "1 request" in out
    path.write_text("arrival_seconds,prompt_tokens,output_tokens\n0,10,ten\n", encoding="utf-8")
    code, out, err = run(*options)
    assert (code, out) == (2, "")
    assert f"trace: {path}: line 2: output_tokens: 'ten' is not a whole number of at least 1" in err


def test_a_plan_file_holds_the_load_and_the_command_line_wins(run, tmp_path):
    """Another kind of load on the command line replaces that of the file."""
    path = tmp_path / "plan.toml"
    names = 'model = "llama-3.2-1b"\ngpu = "h100-sxm-80gb"\n'
    path.write_text(f'{names}rate = "3/s"\nrequests = 100\nprompt_lengths = "lognormal:0.5"\n', encoding="utf-8")
    assert json.loads(run("infer", "--plan", str(path), "--json")[1])["server"]["load"]["rate"] == 3
    found = json.loads(run("infer", "--plan", str(path), "--concurrency", "4", "--json")[1])["server"]["load"]
    assert (found["rate"], found["concurrency"], found["prompt_lengths"]["cv"]) == (None, 4, 0.5)


def test_several_rates_in_one_table(run, tmp_path):
    """What is overloaded says so, and the table is still one of plans that fit."""
    path = tmp_path / "rates.csv"
    one = ("--tp", "1", "--pp", "1", "--dp", "1")
    code, out, _ = run(*INFER, *one, "--requests", "100", "--rate", "1/s,10/s,9000/s", "--output", str(path))
    assert code == 0
    assert out.count("yes") >= 2
    assert "overloaded" in out
    with path.open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert [row["feasible"] for row in rows] == ["True", "True", "False"]
    assert run(*INFER, *one, "--rate", "8000/s,9000/s")[0] == 3


def test_a_server_is_written_to_files(run, tmp_path):
    """Every format of a batch."""
    paths = [tmp_path / f"server.{suffix}" for suffix in ("json", "csv", "md", "txt")]
    assert run(*RATE, *(word for path in paths for word in ("--output", str(path))))[0] == 0
    for path in paths:
        assert "kv_cache" in path.read_text(encoding="utf-8"), path


def test_no_simulation_library_is_loaded_where_nothing_is_simulated():
    """Every start would pay for it."""
    run = f"from llmplan.cli.main import main\nmain({[*INFER, '--json']!r})"
    code = f"{run}\nimport sys\nassert 'simpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, env=os.environ)


@pytest.mark.parametrize("requests", ["0", "10"])
def test_a_prefill_pool_that_does_not_fit_exits_with_3(run, requests):
    """Both pools have to fit. If it fails, a plan is accepted whose prompts cannot be read, or never ends."""
    pools = ("--tp", "4", "--pp", "1", "--dp", "1", "--prefill-replicas", "1", "--prefill-tp", "1")
    model = ("--model", "llama-3-70b", "--gpu", "h100-sxm-80gb", "--rate", "1/s", "--requests", requests)
    code, out, err = run("infer", *model, *pools)
    assert code == 3
    assert "does not fit: the prefill pool needs" in err
    assert "more --prefill-tp" in err
    assert "Memory of the fullest GPU, in the prefill pool" in out


def test_engines_that_read_prompts_whole_fit(run):
    """Their steps are as long as prompts, one sequence at a time where they serve one. If it fails, nothing fits."""
    model = ("--model", "llama-3-70b", "--gpu", "h100-sxm-80gb", "--tp", "8", "--dp", "1", "--rate", "0.1/s")
    for engine, sequences in (("tensorrt-llm-0.9", 256), ("gpt-fast", 1)):
        code, out, _ = run("infer", *model, "--engine", engine, *ALIKE, "--requests", "0", "--json")
        batching = json.loads(out)["server"]["batching"]
        assert (code, batching["step_tokens"], batching["max_sequences"]) == (0, 512, sequences)
        assert not batching["chunked_prefill"]
