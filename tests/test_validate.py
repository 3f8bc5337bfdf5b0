"""``llmplan validate`` with a set that is not exact, and with rows that cannot be priced."""

import json
from types import SimpleNamespace

import pytest

from llmplan.cli import validate as command
from llmplan.cli.main import main
from llmplan.records import ValidationRow, ValidationSet

OPTIONS = {"model": "llama-7b", "gpu": "a100-sxm-80gb", "gpus": 8, "mfu": 0.5}


def row(name, measured, **options):
    return ValidationRow(
        id=f"hours.{name}",
        table="Measured, GPU-hours",
        metric="hours",
        command="train",
        options=OPTIONS | options,
        measured=measured,
        predict=lambda estimate: estimate.gpu_hours,
        shown=round,
    )


@pytest.fixture
def measured(monkeypatch):
    """A set with one row that agrees, one that does not, and one that names no GPU of ours."""

    def install(*, exact):
        rows = [row("right", 75_000), row("off", 50_000), row("unknown", 1, gpu="no-such-gpu")]
        published = ValidationSet(name="mine", description="", rows=lambda: rows, exact=exact)
        registry = SimpleNamespace(validation_sets={"mine": published})
        monkeypatch.setattr(command, "registry", lambda: registry)

    return install


def test_a_set_that_is_not_exact_reports_errors_and_succeeds(measured, capsys):
    """A user's own measurements could only pass or fail, instead of saying how far llmplan is off."""
    measured(exact=False)
    assert main(["validate", "mine", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    by_id = {entry["id"]: entry for entry in document["rows"]}
    off = by_id["hours.off"]
    assert off["error"] == (off["predicted"] - 50_000) / 50_000
    assert document["skipped"][0]["id"] == "hours.unknown"
    errors = [entry["error"] for entry in document["rows"]]
    assert document["summary"]["hours"] == {
        "rows": 2,
        "mean_absolute_error": sum(map(abs, errors)) / 2,
        "median_error": sum(errors) / 2,
        "worst_error": max(errors, key=abs),
    }


def test_the_table_of_a_set_that_is_not_exact_shows_errors(measured, capsys):
    """A reader could not tell how far off each row is, or that one was skipped and why."""
    measured(exact=False)
    assert main(["validate", "mine"]) == 0
    printed = capsys.readouterr().out
    assert "error" in printed
    assert "hours: mean absolute error" in printed
    assert "skipped hours.unknown: gpu: 'no-such-gpu' is unknown" in printed
    assert "2 rows; 1 skipped" in printed


def test_a_row_that_cannot_be_priced_fails_an_exact_set(measured):
    """An exact set would pass though a plugin that it needs is missing."""
    measured(exact=True)
    assert main(["validate", "mine"]) == 1
