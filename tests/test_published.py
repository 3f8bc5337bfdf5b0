"""The published LLaMA tables, to every printed digit, through the command line and through Python."""

import json

import pytest

from llmplan import infer, registry, train
from llmplan.cli.main import main

ROWS = tuple(registry().validation_sets["llama"].rows())


def test_all_81_figures_are_there():
    """A table would be left out, and its agreement claimed all the same."""
    derived = [row for row in ROWS if row.metric == "difference_percent"]
    assert len(ROWS) - len(derived) == 81
    assert len({row.id for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_python(row):
    """A published figure would be missed through the Python API."""
    estimate = {"train": train, "infer": infer}[row.command](**row.options)
    assert row.shown(row.predict(estimate)) == row.measured


def arguments(row):
    """The row as a person would type it."""
    words = [row.command, "--json"]
    for name, value in row.options.items():
        flag = name.replace("_", "-")
        words += [f"--{flag}" if value else f"--no-{flag}"] if isinstance(value, bool) else [f"--{flag}", str(value)]
    return words


def figure(row, printed):
    """The figure of the row in the JSON contract, in the published unit."""
    if row.metric == "difference_percent":
        paper = {"llama-7b": 82_432, "llama-13b": 135_168, "llama-33b": 530_432, "llama-65b": 1_022_362}
        hours = paper[row.id.removeprefix("difference_percent.")]
        return 100 * (int(printed["gpu_hours"]) - hours) / hours
    if row.metric.startswith("forward"):
        part = row.id.rpartition(".")[2]
        breakdown = printed["forward_breakdown"]
        return 1e3 * (sum(breakdown.values()) if part == "total" else breakdown[part])
    if row.metric.startswith("gpu_hours"):
        return printed["gpu_hours"]
    return 1e3 * printed["prefill_seconds" if "prefill" in row.metric else "decode_seconds_per_token"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_command_line(row, capsys):
    """A published figure would be missed through ``llmplan train`` or ``infer``."""
    assert main(arguments(row)) == 0
    assert row.shown(figure(row, json.loads(capsys.readouterr().out))) == row.measured


def test_validate_prints_every_row_and_succeeds(capsys):
    """``llmplan validate llama`` would hide a row, or fail though every figure agrees."""
    assert main(["validate", "llama"]) == 0
    printed = capsys.readouterr().out
    assert "85 of 85 rows agree" in printed
    assert "paper 1,022,362, -0.65 %" in printed
    assert "MISS" not in printed


def test_validate_fails_on_a_miss(monkeypatch, capsys):
    """A formula could change a published figure and ``llmplan validate llama`` would still succeed."""
    from llmplan_parallelism_roofline import collectives

    monkeypatch.setattr(collectives, "ALL_REDUCE_LATENCY_SECONDS", 9e-3)
    assert main(["validate", "llama"]) == 1
    assert "MISS" in capsys.readouterr().out
