"""``llmplan validate`` with a set that is not exact, and with rows that cannot be priced."""

import csv
import json
from types import SimpleNamespace

import pytest

from llmplan import registry, train
from llmplan.cli.main import main
from llmplan.records import ValidationRow, ValidationSet
from llmplan_validation import command

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


TABLE = registry().validation_sets["training"].table


@pytest.fixture(scope="module")
def published():
    """The rows of training.csv."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def table(tmp_path, published):
    """Writes a table of the first published row and changes to it, one row each."""

    def write(*changes):
        path = tmp_path / "mine.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            rows = csv.DictWriter(file, published[0])
            rows.writeheader()
            rows.writerows([published[0] | {"id": f"mine-{number}"} | change for number, change in enumerate(changes)])
        return str(path)

    return write


def run(capsys, *arguments):
    assert main(["validate", "training", "--json", *arguments]) == 0
    return json.loads(capsys.readouterr().out)


def test_every_published_run_is_priced(published_training, published):
    """A change to the search could drop rows, and the score would look better for it."""
    document = json.loads(json.dumps(published_training.document()))
    assert document["skipped"] == []
    assert [row["id"] for row in document["rows"]] == [row["id"] for row in published]
    weak = {row["source"] for row in published if row["provenance"] == "memory" or row["quality"] == "C"}
    assert set(document["recalled"]) == weak
    means = [of["time"]["mean_absolute_error"] for of in document["sources"].values() if of["time"]]
    assert document["score"]["time"] == pytest.approx(sum(means) / len(means))


def test_every_row_has_its_range_in_its_own_unit(published_training):
    """A reader could not tell whether an error is a surprise, or throughput would have the range of seconds."""
    of_metric = {}
    for checked in published_training.checked:
        entry = checked.document(exact=False)
        assert entry["low"] <= entry["predicted"] <= entry["high"]
        of_metric.setdefault(checked.row.metric, []).append((checked.row, entry))
    for row, entry in of_metric["iteration_time_s"][:20]:
        assert entry["high"] == pytest.approx(entry["predicted"] * train(**row.options).time_spread.high)
    for row, entry in of_metric["tokens_per_s_per_gpu"][:20]:
        assert entry["low"] == pytest.approx(entry["predicted"] / train(**row.options).time_spread.high)


def test_a_program_that_no_profile_knows_has_the_range_of_unknown_ones(capsys, table):
    """A trainer that nobody calibrated would come with the range of the default program, as if it were that."""
    known, unknown = run(capsys, "--rows", table({"framework": "Megatron-Core"}, {"framework": "A. N. Other's 2"}))[
        "rows"
    ]
    assert unknown["predicted"] == known["predicted"]
    assert unknown["high"] > 1.3 * known["high"]


def test_the_table_shows_rows_sources_and_the_score(capsys, monkeypatch, published_training):
    """A reader could not tell which source is off, or how the score comes about."""
    monkeypatch.setattr("llmplan_validation.validate", lambda *_, **__: published_training)
    assert main(["validate", "training"]) == 0
    printed = capsys.readouterr().out
    assert "By source: mean absolute and worst error" in printed
    assert "score, the mean of the sources' mean absolute errors: time " in printed
    rows = [checked.row for checked in published_training.checked]
    weak = sum(row.provenance == "memory" or row.grade == "C" for row in rows)
    assert weak > 0
    assert f"{len(rows)} rows, {weak} of them recalled or of grade C and not counted; 0 skipped" in printed
    assert "off recalled" in printed
    assert "off grade C" in printed


def test_a_table_of_ones_own_stands_in(capsys, table):
    """A user's measurements could not be compared."""
    document = run(capsys, "--rows", table({}, {"provenance": "memory"}, {"accelerator": "abacus"}, {"tp": "many"}))
    assert [row["id"] for row in document["rows"]] == ["mine-0", "mine-1"]
    assert document["sources"]["Korthikanti2022"]["time"]["rows"] == 1
    assert document["recalled"]["Korthikanti2022"]["time"]["rows"] == 1
    assert document["score"]["memory"] is None
    reasons = {entry["id"]: entry["reason"] for entry in document["skipped"]}
    assert reasons["mine-2"].startswith("accelerator: 'abacus'")
    assert reasons["mine-3"].startswith("tp: 'many'")


def test_a_layout_that_contradicts_itself_is_skipped(capsys, table):
    """A row that nobody could run would end the whole table."""
    document = run(capsys, "--rows", table({"tp": "16"}, {}))
    assert [entry["id"] for entry in document["skipped"]] == ["mine-0"]
    assert len(document["rows"]) == 1


@pytest.mark.parametrize(("arguments", "said"), [(("training", "--rows", "none.csv"), "No such file")])
def test_a_table_that_is_not_there_is_bad_input(capsys, arguments, said):
    """A wrong path would end in a traceback."""
    assert main(["validate", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_a_set_without_a_table_takes_no_rows(capsys, table):
    """The user's table would be ignored without a word."""
    assert main(["validate", "llama", "--rows", table({})]) == 2
    assert "rows: the figures of llama are in no table" in capsys.readouterr().err
