"""What a cost model says that it leaves out, wherever its figures are printed."""

from __future__ import annotations

import json
import sys

import pytest

from llmplan.cli.main import main

SOURCE = """
from planted_mistakes.sound import Sound
from llmplan import hookimpl


class Ignoring(Sound):
    ignores = ("communication", "optimizer", "kv cache")


@hookimpl
def llmplan_parallelism_models():
    return [Ignoring()]
"""
PLAN = ("--model", "llama-7b", "--gpu", "h100-sxm-80gb", "--tp", "4", "--pp", "1", "--cost-model", "planted")
TRAIN = (*PLAN, "--gpus", "8", "--zero", "1", "--recompute", "none", "--cp", "1", "--offload", "none")


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """A file with a cost model that ignores three things, in the folder that the command is run in."""
    (tmp_path / "ignoring_model.py").write_text(SOURCE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    yield ("--plugin", "ignoring_model.py")
    sys.modules.pop("ignoring_model", None)


@pytest.mark.parametrize(
    ("command", "ignored"),
    [
        (("train", *TRAIN), "communication and optimizer"),
        (("search", "train", *TRAIN), "communication and optimizer"),
        (("infer", *PLAN, "--dp", "1", "--batch", "4"), "communication and kv cache"),
        (("train", *TRAIN, "--micro-batch", "1,2"), "communication and optimizer"),
    ],
)
def test_reports_and_searches_say_what_the_figures_are_without(command, ignored, plugin, capsys):
    """A plan would be chosen as if its traffic were free, and nothing would say so."""
    assert main([*command, *plugin]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert f"cost model planted ignores {ignored}: its figures leave it out" in out
    # and what is told to paste next finds the plugin, too
    assert "--plugin ignoring_model.py" in out.partition("Next")[2]


def test_the_json_says_it_too(plugin, capsys):
    """A script would compare figures that do not count the same."""
    assert main(["train", *TRAIN, *plugin, "--json"]) == 0
    assert any(
        "ignores communication and optimizer" in line for line in json.loads(capsys.readouterr().out)["warnings"]
    )


def test_what_is_no_tuple_of_words_is_the_plugins_fault(plugin, tmp_path, capsys):
    """Letters would be listed one by one, or a traceback end the command."""
    (tmp_path / "ignoring_model.py").write_text(
        SOURCE.replace('("communication", "optimizer", "kv cache")', "7"), "utf-8"
    )
    assert main(["train", *TRAIN, *plugin]) == 1
    assert "planted of ignoring-model failed" in capsys.readouterr().err
