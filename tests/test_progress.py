"""Progress where nobody looks at a terminal, and the limit of time."""

from __future__ import annotations

import json
import re

import pytest

from llmplan import compare, infer
from llmplan.cli import progress as module
from llmplan.cli.main import main

SEARCH = ("search", "train", "llama-3.1-70b", "--gpu", "h100-sxm-80gb", "--gpus", "1024")
SERVERS = (
    "search",
    "infer",
    "llama-3.1-8b",
    "--gpu",
    "h100-sxm-80gb",
    "--gpus",
    "4",
    "--tp",
    "1,2",
    "--requests",
    "50",
)
LONG = ("infer", *SERVERS[2:5], "--tp", "1", "--dp", "1", "--rate", "1/s", "--output-tokens", "4", "--requests", "3000")
COMPARED = ("infer", "llama-3.1-8b", "--gpu", "h100-sxm-80gb", "--tp", "1", "--pp", "1", "--batch", "1..8")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (SEARCH, r" plans, .*best tp "),
        (SERVERS, r" plans confirmed, best tp \d pp \d dp \d with [\d,.]+ tokens/s a GPU"),
        (COMPARED, r"of 4 plans, best batch "),
        (LONG, r"of 3,000 requests simulated"),
    ],
)
def test_a_log_gets_lines_with_the_best_so_far(command, words, capsys, monkeypatch):
    """If it fails, who waits for a job in a batch system does not know whether it does anything."""
    monkeypatch.setattr(module, "_LINE_SECONDS", 0.0)
    assert main((*command, "--json")) == 0
    lines = [line for line in capsys.readouterr().err.split("\n") if line]
    assert lines
    assert all(line.startswith("llmplan: after ") for line in lines)
    assert re.search(words, lines[-1])


def test_nothing_is_said_of_what_is_quick(capsys):
    """If it fails, scripts find a line on stderr that says nothing."""
    assert main((*COMPARED, "--json")) == 0
    assert capsys.readouterr().err == ""


def test_a_search_ends_with_the_best_so_far(capsys):
    """If it fails, somebody who has a minute gets nothing, or waits for an hour."""
    assert main((*SEARCH, "--time-limit", "50ms")) == 0
    out = capsys.readouterr().out
    plans = re.search(r"best of +([\d,]+) plans, INTERRUPTED", out)
    assert plans
    assert plans[1] != "0", "a plan was chosen out of none"
    assert main((*SEARCH, "--time-limit", "50ms", "--json")) == 0
    assert json.loads(capsys.readouterr().out)["complete"] is False


def test_a_comparison_says_what_it_did_not_come_to():
    """If it fails, plans that nobody priced are taken for plans that cannot be."""

    def impatient(state):
        if state.done == 2:
            raise module.OutOfTimeError

    comparison = compare(infer, model="llama-3.1-8b", gpu="h100-sxm-80gb", tp=1, pp=1, batch="1..8", watch=impatient)
    assert [variant.refused for variant in comparison.variants[1:]] == [None, *["stopped before it was priced"] * 2]


@pytest.mark.parametrize("given", ["0", "soon"])
def test_a_limit_that_is_none_is_refused(given, capsys):
    """If it fails, a slip is a search without an end."""
    assert main((*SEARCH, "--time-limit", given)) == 2
    assert capsys.readouterr().err.startswith(f"llmplan: time-limit: '{given}' is not a positive time")
