"""``llmplan search train``: what it prints, writes and exits with."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pyarrow.parquet as pq
import pytest

from llmplan.cli.main import main
from llmplan.search import TrainingSpace, search

SMALL = (
    "--model", "llama-7b", "--gpu", "a100-sxm-80gb", "--gpus", "16", "--global-batch", "128", "--tp", "1,2",
    "--zero", "0..2", "--micro-batch", "1..4", "--cp", "1", "--recompute", "none,full", "--offload", "none",
)  # fmt: skip
SEARCH = ("search", "train", *SMALL)


def on(gpus):
    """The same on another number of GPUs."""
    at = SEARCH.index("--gpus") + 1
    return (*SEARCH[:at], gpus, *SEARCH[at + 1 :])


@pytest.fixture
def run(capsys):
    """Runs the command in this process: exit code, stdout, stderr."""

    def ran(*arguments):
        code = main(arguments)
        out, err = capsys.readouterr()
        return code, out, err

    return ran


def test_the_report_says_what_was_found_and_why(run, monkeypatch):
    """If it fails, the best plan comes without its figures, or without the reason."""
    monkeypatch.setenv("COLUMNS", "120")
    code, out, err = run(*SEARCH, "--price-per-gpu-hour", "2", "--pareto", "time,memory", "--top", "3")
    assert (code, err) == (0, "")
    lines = out.split("\n")
    assert re.fullmatch(r"llama-7b on 16 x a100-sxm-80gb: [\d.]+ days \(.*\)", lines[0])
    assert [line.split()[0] for line in lines[1:5]] == ["best", "cost", "fits", "bound"]
    at = lines.index("Search") + 1
    assert [line.split()[0] for line in lines[at : at + 4]] == ["plans", "priced", "pruned", "infeasible"]
    for heading in (
        "Best plans by time, with 90% confidence",
        "Why the first",
        "Frontier of time and memory",
        "Assumed (--sources says why, and the rest)",
    ):
        assert heading in lines
    start = next(at for at, line in enumerate(lines) if line.lstrip().startswith("#"))
    assert lines[start].split()[-9:] == ["days", "cost", "a", "GPU", "%", "GiB", "%", "published", "runs"]
    assert "% less time than the runner-up: " in out
    assert re.search(r"ranges of the first: time \(-\d+% to \+\d+%\).*memory \(", " ".join(out.split()))
    assert [line.split()[0] for line in lines[start + 1 :][:3]] == ["1", "2", "3"]


def test_the_json_is_that_of_the_library(run):
    """If it fails, a script reads another result than the one that is printed."""
    code, out, _ = run(*SEARCH, "--json", "--pareto", "time,memory", "--top", "2")
    printed = json.loads(out)
    options = dict(zip((name.lstrip("-").replace("-", "_") for name in SMALL[::2]), SMALL[1::2], strict=True))
    result = search(TrainingSpace(**options), pareto="time,memory", top=2)
    assert code == 0
    assert printed["schema"] == "llmplan.search/2"
    assert printed["space"]["zero"] == [0, 1, 2]
    assert printed["space"]["micro_batch"] == [1, 2, 4]
    assert printed["space"]["recompute"] == ["none", "full"]
    assert [one["iteration_seconds"] for one in printed["best"]] == [one.iteration_seconds for one in result.best]
    assert [one["memory_bytes_per_gpu"] for one in printed["pareto"]] == [
        one.memory_bytes_per_gpu for one in result.pareto
    ]
    assert printed["plans"]["legal"] == result.counts.legal == printed["plans"]["pruned"] + printed["plans"]["priced"]
    assert printed["why"][0]["terms"] == result.why[0].terms


def test_the_best_plan_is_written_and_train_prices_it(run, tmp_path, monkeypatch):
    """If it fails, the plan file that a search writes asks for another plan."""
    (tmp_path / "mine.toml").write_text(
        'name = "mine"\nmemory_gib = 80\nmemory_bandwidth_gb_per_s = 2000\nbf16_tflops = 300\n'
        "scaleup_bandwidth_gb_per_s = 300\nscaleup_domain_size = 8\nscaleout_nic_gbits_per_gpu = 200\n"
    )
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plans").mkdir()
    gpu = ("--gpu", "mine.toml", "--failures-per-gpu-day", "0.001", "--restart-seconds", "5m")
    best = tmp_path / "plans" / "best.toml"
    code, out, _ = run(*SEARCH, *gpu, "--json", "--output", str(best))
    assert code == 0
    winner = json.loads(out)["best"][0]
    code, out, _ = run("train", "--plan", str(best), "--json")
    again = json.loads(out)
    assert code == 0
    for key in winner.keys() - {"assumptions", "request"}:
        assert again[key] == winner[key], key


def test_all_priced_plans_are_written(run, tmp_path):
    """If it fails, a table of plans lacks some, or says other figures than the next one."""
    paths = [str(tmp_path / f"all.{suffix}") for suffix in ("csv", "json", "parquet")]
    code, out, _ = run(*SEARCH, "--json", "--no-prune", *(word for path in paths for word in ("--output", path)))
    assert code == 0
    priced = json.loads(out)["plans"]["priced"]
    rows = list(csv.DictReader((tmp_path / "all.csv").read_text("utf-8").splitlines()))
    objects = json.loads((tmp_path / "all.json").read_text("utf-8"))
    table = pq.read_table(paths[2]).to_pylist()
    assert len(rows) == len(objects) == len(table) == priced
    assert objects == table
    assert [{name: str(value) for name, value in one.items()} for one in objects] == rows
    fits = [one for one in objects if one["feasible"]]
    best = min(fits, key=lambda one: one["ranked_by"])
    assert best["iteration_seconds"] == json.loads(out)["best"][0]["iteration_seconds"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all.csv", "all.json", "all.parquet"]


def test_nothing_is_left_of_a_file_that_was_not_finished(run, tmp_path):
    """If it fails, a search that goes wrong leaves half a table that looks whole."""
    code, _, err = run(*SEARCH, "--objective", "cost", "--output", str(tmp_path / "all.csv"))
    assert code == 2
    assert err.startswith("llmplan: cost: not known without --price\n")
    assert list(tmp_path.iterdir()) == []


def test_a_table_of_no_plans_is_empty(run, tmp_path):
    """If it fails, a script cannot tell that nothing was priced."""
    paths = [str(tmp_path / f"none.{suffix}") for suffix in ("csv", "json", "parquet")]
    code, *_ = run(*on("7919"), *(word for path in paths for word in ("--output", path)))
    assert code == 3
    assert (tmp_path / "none.csv").read_text() == ""
    assert json.loads((tmp_path / "none.json").read_text()) == []
    assert pq.read_table(paths[2]).num_rows == 0


def test_a_plan_file_holds_spaces_and_the_command_line_wins(run, tmp_path):
    """If it fails, a search that is kept in a file is another one."""
    plan = tmp_path / "space.toml"
    plan.write_text(
        'model = "llama-7b"\ngpu = ["a100-sxm-80gb", "h100-sxm-80gb"]\ngpus = "8..16"\ntp = [1, 2]\npp = 1\ncp = 1\n'
        'zero = "0..1"\nglobal_batch = 128\nprice_per_gpu_hour = [1, 2.5]\nobjective = "cost"\npareto = "time,cost"\n'
        'finish_within = "900d"\ntop = 2\n'
    )
    code, out, _ = run("search", "train", "--plan", str(plan), "--json", "--top", "1", "--zero", "1")
    found = json.loads(out)
    assert code == 0
    assert (found["objective"], len(found["best"]), found["pareto_of"]) == ("cost", 1, ["time", "cost"])
    assert found["space"]["gpu"] == ["a100-sxm-80gb", "h100-sxm-80gb"]
    assert (found["space"]["gpus"], found["space"]["tp"], found["space"]["zero"]) == ([8, 16], [1, 2], [1])
    assert found["constraints"]["finish-within"] == 900 * 86_400
    plan.write_text("zero = [0, 7]\n")
    code, _, err = run("search", "train", "--plan", str(plan))
    assert (code, err) == (2, f"llmplan: {plan}: line 1: zero: 7 is not a whole number, 0 to 3\n")


def test_options_may_be_repeated(run):
    """If it fails, the first of two GPUs that are to be compared is dropped without a word."""
    code, out, _ = run(*SEARCH, "--gpu", "h100-sxm-80gb", "--json", "--top", "1")
    assert code == 0
    assert json.loads(out)["space"]["gpu"] == ["a100-sxm-80gb", "h100-sxm-80gb"]


def test_an_infeasible_request_exits_with_3_and_says_what_would_do(run):
    """If it fails, somebody is told that nothing fits, and not what to do about it."""
    options = (*on("1"), "--memory-headroom", "0.5")
    code, out, err = run(*options)
    assert code == 3
    said, hint = err.splitlines()
    assert said.startswith("llmplan: no plan is feasible: memory rules out the last ")
    assert said.endswith(" would do")
    program, *changed = shlex.split(hint.removeprefix("hint: "))
    assert program == "llmplan"
    assert run(*changed)[0] == 0
    assert "No plan is feasible" in out
    assert "memory rules out the last " in out
    assert "would do" in out
    code, out, _ = run(*options, "--json")
    verdict = json.loads(out)["verdict"]
    assert code == 3
    assert verdict["constraint"] == "memory"
    (wanted,) = [change["value"] for change in verdict["changes"] if change["option"] == "gpus"]
    assert run(*on(str(wanted)), "--memory-headroom", "0.5", "--json")[0] == 0
    assert verdict["nearest"]["feasible"] is False


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("search",), "Missing command; llmplan search --help shows what there is"),
        (("search", "trian"), "No such command 'trian'"),
        ((*SEARCH, "--output", "best.xls"), "output: 'best.xls' does not end in .toml, .csv, .json, .parquet, .md"),
        ((*SEARCH, "--output", "/nowhere/all.csv"), "output: /nowhere/all.csv: No such file or directory"),
        (
            (*SEARCH, "--executor", "abacus"),
            "executor: 'abacus' is unknown; llmplan list executors shows",
        ),
        ((*SEARCH, "--workers", "2"), "workers: 2 of which executor? give --executor threads, processes, dask"),
        ((*SEARCH, "--scheduler", "tcp://x:1"), "scheduler: tcp://x:1 needs --executor dask"),
        ((*SEARCH, "--finish-within", "soon"), "finish-within: 'soon' is not a positive time, like 30d, 12h or 3600"),
        ((*SEARCH, "--budget", "-1"), "budget: '-1' is not a positive number, like 2M or 50000"),
        ((*SEARCH, "--pareto", "time,beauty"), "pareto: 'beauty' is not one of time, gpu-hours"),
        ((*SEARCH, "--top", "0"), "top: '0' is not a whole number, 1 to 1000"),
        ((*SEARCH, "--tp", "0"), "tp: 0 is not a whole number of at least 1"),
        ((*SEARCH, "--max-micro-batch", "auto"), "max-micro-batch: auto contradicts micro-batch 1"),
    ],
)
def test_bad_input_costs_one_line_and_exit_code_2(run, arguments, message):
    """If it fails, a slip ends in a traceback, or is searched for as if it were meant."""
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"llmplan: {message}")
    assert "\n" not in err.partition("\nhint: ")[0].rstrip("\n")


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_executors_by_their_names(run, executor):
    """If it fails, --executor is refused or finds something else."""
    alone, also = run(*SEARCH, "--json"), run(*SEARCH, "--json", "--executor", executor, "--workers", "2")
    one, other = (json.loads(out) for _, out, _ in (alone, also))
    for timed in ("seconds", "plans_per_second"):
        del one[timed], other[timed]
    assert one == other


LARGE = (
    *("search", "train", "--model", "llama-65b", "--gpu", "a100-sxm-80gb", "--gpus", "8..8192+8"),
    *("--global-batch", "2048", "--no-prune", "--top", "2"),
)
"""Takes far longer than these tests wait."""
LLMPLAN = (sys.executable, "-m", "llmplan")


@contextmanager
def watched(**streams):
    """A long search on a terminal of its own that has told of a plan by now: the process, and what it told."""
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "120"}
    process = subprocess.Popen([*LLMPLAN, *LARGE], stderr=theirs, env=environment, **streams)
    os.close(theirs)
    told, end = b"", time.monotonic() + 120
    try:
        while b"/s, best tp" not in told:
            assert time.monotonic() < end
            told += os.read(ours, 4096)
        threading.Thread(target=read_on, args=(ours,), daemon=True).start()  # a terminal never stops reading
        yield process, told
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def read_on(descriptor):
    """Until nobody writes any more: who writes to a terminal that is full waits for ever."""
    with contextlib.suppress(OSError):
        while os.read(descriptor, 4096):
            pass


def test_an_interrupt_prints_the_best_so_far_and_exits_with_130():
    """If it fails, a search that takes too long has been for nothing, and nobody who waits knows for how long."""
    with watched(stdout=subprocess.PIPE, text=True) as (process, told):
        assert b" plans, " in told
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=120)
        assert process.returncode == 130
    assert "INTERRUPTED: the best so far" in out
    assert "Best plans by time" in out


FEW = ("--tp", "4", "--pp", "1,2", "--cp", "1", "--zero", "1", "--recompute", "none", "--offload", "none")
"""Leaves few plans."""
VARYING = (
    ("train", "llama-3.1-8b", ("gpu", "h100-sxm-80gb,a100-sxm-80gb"), ("--gpus", "64,128", *FEW)),
    ("train", "llama-3.1-8b", ("gpus", "64,128"), ("--gpu", "h100-sxm-80gb", *FEW)),
    ("train", "llama-3.1-8b", ("dtype", "bf16,fp16"), ("--gpu", "h100-sxm-80gb", "--gpus", "64", *FEW)),
    ("train", "llama-3.1-8b,llama-2-7b", ("model", ""), ("--gpu", "h100-sxm-80gb", "--gpus", "64", *FEW)),
    ("infer", "llama-3.1-8b", ("gpu", "h100-sxm-80gb,l40s"), ("--rate", "20", "--requests", "20", "--tp", "1,2")),
)


@pytest.mark.parametrize(("command", "model", "varied", "rest"), VARYING, ids=lambda one: str(one)[:20])
def test_a_search_says_which_of_several_won(run, monkeypatch, command, model, varied, rest):
    """If it fails, a search over several accelerators, models, dtypes or numbers of GPUs hides which one is best."""
    monkeypatch.setenv("COLUMNS", "100")
    name, values = varied
    given = (f"--{name}", values) if values else ()
    code, out, _ = run("search", command, "--model", model, *given, *rest, "--top", "3")
    assert code == 0
    _, printed, _ = run("search", command, "--model", model, *given, *rest, "--top", "3", "--json")
    best = json.loads(printed)["best"]
    lines = out.split("\n")
    at = next(number for number, line in enumerate(lines) if line.startswith("Best plans"))
    table = lines[at + 1 : lines.index("", at)]
    value = {"gpus": lambda plan: str(plan["layout"]["gpus"])}.get(name, lambda plan: plan[name])
    for number, plan in enumerate(best, 1):
        row = next(line for line in table if line.split()[:1] == [str(number)])
        assert value(plan) in f"{table[0]} {row}".replace("·", " ").split()


def test_what_plans_are_ranked_by_stays_on_a_narrow_terminal(run, monkeypatch):
    """If it fails, ten rows are in the order of a figure that is not there, or two of them look the same."""
    monkeypatch.setenv("COLUMNS", "60")
    several = ("--gpu", "h100-sxm-80gb,a100-sxm-80gb", "--tokens", "1T", "--zero", "1", "--micro-batch", "1,2")
    code, out, _ = run("search", "train", "llama-3.1-8b", *several, "--gpus", "64", "--top", "10")
    assert code == 0
    table = out[out.index("Best plans") : out.index("Why the first")]
    assert table.replace("\n", " ").count("at most in days") == 10
    assert max(map(len, table.split("\n"))) <= 60
    assert "…" not in table
    left_out = table[table.index("No room for ") :].replace("\n", " ")
    assert "MFU (%)" in left_out
    assert "most" not in left_out
    code, out, _ = run("search", "train", "llama-3.1-8b", *several, "--gpus", "64", "--objective", "energy")
    assert "energy," in out


def test_a_comparison_never_cuts_what_varies(run, monkeypatch):
    """If it fails, rows of a comparison cannot be told apart on 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    gpus = ("--gpu", "h100,a100-sxm-80gb", "--gpus", "64,128", "--tokens", "1T")
    _, out, _ = run("train", "llama-3.1-8b,llama-3.1-70b", *gpus, *FEW[:2], "--pp", "2", *FEW[4:])
    rows = [line.split()[:3] for line in out.split("\n") if line.startswith("llama-3.1-")]
    assert len({tuple(row) for row in rows}) == len(rows) == 8
    assert "No room for MFU (%), published runs, " in " ".join(out.split())


def test_few_plans_are_counted_as_people_count(run):
    """If it fails, a search says `1 legal plans`, and how many of one it looks at in a second."""
    one = ("--tp", "1", "--pp", "1", "--cp", "1", "--zero", "1", "--micro-batch", "1", "--recompute", "none")
    _, out, _ = run("search", "train", "llama-7b", "--gpu", "a100-sxm-80gb", "--gpus", "8", *one, "--offload", "none")
    plans = next(line for line in out.split("\n") if line.strip().startswith("plans "))
    assert re.fullmatch(r"  plans +1 legal plan in [\d.]+ (ms|s)", plans)


def test_nothing_is_said_of_the_estimates_where_they_choose_the_same(run):
    """If it fails, a report says that the point estimate alone would choose the very plan that it shows."""
    fixed = ("--tp", "4", "--pp", "2", "--vpp", "10", "--micro-batch", "2", "--zero", "1", "--recompute", "none")
    options = (*fixed, "--offload", "none", "--schedule", "1f1b", "--sequence-parallel")
    _, out, _ = run("search", "train", "llama-65b", "--gpu", "a100-sxm-80gb", "--gpus", "2048", *options)
    assert "point estimate alone" not in out
    _, printed, _ = run("search", "train", "llama-65b", "--gpu", "a100-sxm-80gb", "--gpus", "2048", *options, "--json")
    assert json.loads(printed)["by_estimate"] is None


def test_a_confidence_of_one_half_is_the_estimate(run):
    """If it fails, a report says the same number of days twice."""
    _, out, _ = run("train", "llama-7b", "--gpu", "a100-sxm-80gb", "--gpus", "8", "--confidence", "0.5")
    assert "with 50% confidence" not in out[: out.index("Assumed")]


def test_markdown_is_the_table_of_the_best_plans(run, tmp_path):
    """If it fails, a search in Markdown is a list of all its numbers, which nobody reads."""
    path = tmp_path / "search.md"
    assert run(*SEARCH, "--top", "3", "--output", str(path))[0] == 0
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# llama-7b on 16 x a100-sxm-80gb\n")
    table = text[text.index("## Best plans by time, with 90% confidence") : text.index("## Why the first")]
    rows = [line.split(" | ") for line in table.split("\n") if line.startswith("| ")]
    assert [row[0] for row in rows] == ["| #", "| ---:", "| 1", "| 2", "| 3"]
    assert len({len(row) for row in rows}) == 1
    assert "| plans | " in text
