"""The help of the commands that plan: every option under a heading, defaults that are taken, examples that run."""

from __future__ import annotations

import json
import re
import shlex

import pytest

from llmplan.cli.help import DEFAULTS, EXAMPLES, examples
from llmplan.cli.main import main

COMMANDS = ("train", "infer", "search train", "search infer")
RUNS = [example for command in COMMANDS for example in examples(command)]


@pytest.fixture
def text(capsys, monkeypatch):
    """The help of a command on 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")

    def of(command):
        assert main((*command.split(), "--help")) == 0
        return capsys.readouterr().out

    return of


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_stands_under_a_heading_that_says_something(text, command):
    """If it fails, somebody reads seventy options in the order in which they were written."""
    printed = text(command)
    headings = re.findall(r"^([A-Z][\w ]+):$", printed, re.MULTILINE)
    assert headings[:2] == ["Examples", "Argument"]
    more = printed.partition("\nMore:\n")[2]
    assert len(re.findall(r"^  (-[\w-]+)", more, re.MULTILINE)) <= 3
    assert max(map(len, printed.split("\n"))) <= 80


@pytest.mark.parametrize("command", ["", "search", "plugins"])
def test_no_summary_is_clipped(text, command):
    """If it fails, somebody who looks for the right command reads half of what each is for."""
    assert not re.search(r"\w\.\.\.$", text(command), re.MULTILINE)


def test_what_people_come_for_is_listed_first(text):
    """If it fails, a newcomer finds the two commands of the headline below those about plugins and words."""
    commands = re.findall(r"^  (\w+)  ", text("").partition("\nCommands:\n")[2], re.MULTILINE)
    assert (commands[:3], commands[-1]) == (["train", "infer", "search"], "plugins")
    assert examples("train")[0] in text("")


@pytest.mark.parametrize("example", RUNS)
def test_an_example_runs(example, capsys):
    """If it fails, the first command that somebody tries is refused."""
    code = main((*shlex.split(example)[1:], "--json"))
    assert code == 0, capsys.readouterr().err


def test_defaults_are_those_that_are_taken(capsys):
    """If it fails, the help tells of another number than the one that a plan is made with."""
    assert EXAMPLES.keys() == set(COMMANDS)
    main(("infer", "llama-7b", "--gpu", "l40s", "--json"))
    plan = json.loads(capsys.readouterr().out)
    for name in ("batch", "prompt_tokens", "output_tokens"):
        assert plan[name] == float(DEFAULTS[name])
    main(("train", "llama-7b", "--gpu", "h100-sxm-80gb", "--gpus", "8", "--tp", "1", "--pp", "1", "--json"))
    run = json.loads(capsys.readouterr().out)
    for name in ("confidence", "gradient_bits"):
        assert run[name] == float(DEFAULTS[name])
    assert run["tuning"] == DEFAULTS["tuning"]
