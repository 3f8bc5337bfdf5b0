"""``llmplan search infer``: what it prints, writes and exits with."""

from __future__ import annotations

import csv
import json
import re
from contextlib import contextmanager

import pytest

from llmplan.cli.main import main
from llmplan.cli.search_infer import _said
from llmplan_serving_load.search.searching import Progress

SEARCH = (
    "search", "infer", "--model", "llama-3.1-8b", "--gpu", "h100-sxm-80gb", "--tp", "1,2", "--pp", "1",
    "--max-sequences", "12", "--price-per-gpu-hour", "2.5", "--requests", "60",
)  # fmt: skip
LIMITS = ("--ttft", "500ms", "--tpot", "12ms")


@pytest.fixture
def run(capsys):
    """Runs the command in this process: exit code, stdout, stderr."""

    def ran(*arguments):
        code = main(arguments)
        out, err = capsys.readouterr()
        return code, out, err

    return ran


def test_the_report_says_what_was_found_and_why(run, monkeypatch):
    """If it fails, the best server comes without its figures, or without the reason."""
    monkeypatch.setenv("COLUMNS", "100")
    code, out, err = run(*SEARCH, *LIMITS)
    assert (code, err) == (0, "")
    lines = out.split("\n")
    assert re.match(r"llama-3\.1-8b on 1 x h100-sxm-80gb: [\d.]+ requests/s", lines[0])
    assert [line.split()[0] for line in lines[1:5]] == ["best", "takes", "cost", "fits"]
    at = lines.index("Search") + 1
    assert [line.split()[0] for line in lines[at : at + 5]] == ["load", "limits", "plans", "priced", "pruned"]
    assert "  limits      ttft 500 ms, tpot 12 ms, for 95 % of requests, with 90% confidence" in lines
    for heading in (
        "Best plans by throughput, with 90% confidence",
        "Why the first",
        "Assumed (--sources says why, and the rest)",
    ):
        assert heading in lines
    first = next(line for line in lines if line.startswith("  1 "))
    assert first.split()[:2] == ["1", "1"]
    assert "more throughput than the runner-up: tp 1 for 2; GPU time of a token: " in " ".join(out.split())
    assert "Frontier of throughput and tpot in closed form, 10 of its " in out
    assert re.search(r"ranges of the first: first token \(-\d+% to \+\d+%\).*next token \(", " ".join(out.split()))


def test_it_is_said_how_many_requests_were_simulated(run):
    """If it fails, one server has two latencies, of the search and of `infer`, and nobody sees why."""
    of_server = ("--model", "llama-3.1-8b", "--gpu", "h100-sxm-80gb", "--tp", "1", "--pp", "1", "--rate", "5/s",
                 "--prompt-tokens", "64", "--output-tokens", "4")  # fmt: skip
    _, out, _ = run("search", "infer", *of_server)
    assert re.search(r"simulated +500 requests of each plan shown; infer simulates 2,000\n", out)
    _, printed, _ = run("search", "infer", *of_server, "--json")
    assert json.loads(printed)["best"][0]["server"]["simulated"]["requests"] == 500
    _, printed, _ = run("infer", *of_server, "--json")
    assert json.loads(printed)["server"]["simulated"]["requests"] == 2000
    assert "  simulated " not in run("search", "infer", *of_server, "--requests", "100")[1]


def test_the_best_plan_is_written_and_infer_prices_it(run, tmp_path):
    """If it fails, the plan of a search means something else to `llmplan infer`."""
    plan, table = tmp_path / "best.toml", tmp_path / "all.csv"
    code, out, _ = run(*SEARCH, *LIMITS, "--json", "--output", str(plan), "--output", str(table))
    best = json.loads(out)["best"]
    assert code == 0
    code, out, _ = run("infer", "--plan", str(plan), "--json")
    priced = json.loads(out)
    assert {**priced, "assumptions": None, "request": None} == {**best[0], "assumptions": None, "request": None}
    with table.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {(row["tp"], row["concurrency"]) for row in rows} == {(tp, f"{n}.0") for tp in "12" for n in range(1, 13)}


def test_a_plan_file_asks_too(run, tmp_path):
    """If it fails, a search cannot be kept in a file."""
    file = tmp_path / "search.toml"
    file.write_text(
        'model = "llama-3.1-8b"\ngpu = "l40s"\ntp = [1]\npp = 1\nttft = "2s"\nrequests = 0\n', encoding="utf-8"
    )
    code, out, _ = run("search", "infer", "--plan", str(file), "--max-sequences", "4", "--ttft", "1s", "--json")
    printed = json.loads(out)
    assert code == 0
    assert printed["constraints"] == {"ttft": 1.0}
    assert printed["space"]["tp"] == [1]


def test_the_picture(run, tmp_path):
    """If it fails, there is nothing to show of the frontier, or another file each time."""
    picture = tmp_path / "frontier.svg"
    arguments = (*SEARCH, *LIMITS, "--kv-bits", "8,16", "--picture", str(picture))
    assert run(*arguments)[0] == 0
    first = picture.read_bytes()
    for words in (b"frontier", b"best: tp 1", b"tpot asked for", b"kv-bits 8 tp 2"):
        assert words in first
    assert run(*arguments)[0] == 0
    assert picture.read_bytes() == first


def test_pictures_of_what_has_no_best_plan(run, tmp_path):
    """If it fails, a search that comes to nothing ends in a traceback."""
    picture = tmp_path / "frontier.svg"
    assert run(*SEARCH, "--requests", "0", "--tpot", "1ms", "--picture", str(picture))[0] == 3
    assert picture.exists()
    nothing = ("search", "infer", "--model", "llama-3.1-70b", "--gpu", "l40s", "--tp", "1", "--pp", "1")
    code, _, err = run(*nothing, "--picture", str(picture))
    assert code == 3
    assert "would do" in err


@pytest.mark.parametrize(
    "ranged",
    [
        ("--prefill-replicas", "1,2", "--rate", "20/s"),
        ("--speculative-tokens", "2,4", "--acceptance-rate", "0.7"),
        ("--gpu", "h100-sxm-80gb,a100-sxm-80gb", "--kv-bits", "4,8,16"),
    ],
)
def test_tables_keep_to_the_terminal(run, monkeypatch, ranged):
    """If it fails, lines of a table are broken by the terminal, or figures are cut."""
    monkeypatch.setenv("COLUMNS", "80")
    _, out, _ = run(*SEARCH, *ranged)
    assert max(map(len, out.split("\n"))) <= 80
    assert "…" not in out


def test_what_is_infeasible_says_what_would_do(run):
    """If it fails, a user is refused without a way out."""
    code, out, err = run(*SEARCH, "--tpot", "1ms")
    assert code == 3
    assert err.startswith("llmplan: no plan is feasible: tpot rules out the last ")
    assert " and 1 ms are allowed; --tpot " in err
    assert "No plan is feasible" in out
    assert "The plan that comes nearest" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--batch", "4"), "llmplan: No such option: --batch; llmplan infer has it\n"),
        (("--picture", "frontier.gif"), "llmplan: picture: 'frontier.gif' does not end in .png, .svg, .pdf\n"),
        (
            ("--output", "best.yaml"),
            (
                "llmplan: output: 'best.yaml' does not end in .toml, .csv, .json, .parquet, .md, .txt, .svg, .png, "
                ".pdf, .html\n"
            ),
        ),
        (("--speculative-tokens", "4"), "llmplan: speculative-tokens: needs acceptance-rate too\n"),
        (("--ep", "2"), "llmplan: ep: 2 divides routed experts, and llama-3.1-8b has none; 1 would do\n"),
        (
            ("--prompt-tokens", "200000"),
            "llmplan: prompt-tokens: 200000 with output-tokens 1 is beyond the context of llama-3.1-8b, 131072\n",
        ),
        (("--tpot", "-1"), "llmplan: tpot: '-1' is not a time with its unit, like 50ms or 0.05s\n"),
        (("--objective", "speed"), "llmplan: objective: 'speed' is not one of throughput, cost, gpus\n"),
    ],
)
def test_bad_input_is_one_line(run, arguments, said):
    """If it fails, a slip of the pen costs a traceback."""
    code, out, err = run(*SEARCH, *arguments)
    assert (code, out, err.partition("hint: ")[0]) == (2, "", said)


def test_a_trace_that_is_not_there_is_bad_input(run):
    """If it fails, a wrong file name is taken for a server that is too small."""
    code, out, err = run(*SEARCH[:6], "--trace", "none.csv")
    assert (code, out, err.partition("hint: ")[0]) == (2, "", "llmplan: trace: none.csv: No such file or directory\n")


def test_what_to_know_of_the_best_plan_is_said(run):
    """If it fails, a warning about the plan that is recommended is lost."""
    options = ("--tp", "1", "--pp", "1", "--ep", "2", "--max-sequences", "4", "--requests", "0")
    _, out, _ = run("search", "infer", "--model", "mixtral-8x7b", "--gpu", "h100-sxm-80gb", *options)
    assert "experts are priced as if tokens chose them by chance" in out.partition("Warnings")[2]


def test_progress_in_words():
    """If it fails, who waits does not see that something happens."""
    state = Progress(layouts=9, plans=1567, confirmed=2, best=lambda: None)
    assert _said(state, 1.0) == "9 layouts, 1,567 loads, 2 plans confirmed"


def test_an_interrupted_search_shows_the_best_so_far(run, monkeypatch):
    """If it fails, Ctrl-C throws away what was found."""
    monkeypatch.setenv("COLUMNS", "100")

    @contextmanager
    def interrupting(_said, _limit):
        def watch(state):
            if state.confirmed:
                raise KeyboardInterrupt

        watch.out_of_time = False
        yield watch

    monkeypatch.setattr("llmplan.cli.progress.progress", interrupting)
    code, out, _ = run(*SEARCH)
    assert code == 130
    assert "INTERRUPTED: the best so far" in out
    assert "Best plans by throughput" in out
