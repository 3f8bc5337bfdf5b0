"""Pricing every row of a set."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from math import isfinite
from pathlib import Path
from typing import Any

from attrs import evolve

from llmplan.catalogues import VALIDATION_SETS
from llmplan.catalogues.guard import Guard, WrongAnswerError
from llmplan.errors import BadInputError
from llmplan.estimate import TrainingEstimate
from llmplan.records import ValidationRow, ValidationSet
from llmplan.search.infer import infer
from llmplan.search.train import train
from llmplan_validation.cells import Cells
from llmplan_validation.ranges import spread_of
from llmplan_validation.result import Checked, Validation
from llmplan_validation.row import READERS
from llmplan_validation.table import read_table

_ROOM = 100.0
"""Times the memory that a plan takes that did not fit: enough for any other."""
_MOST_ROWS = 100_000
_COMMANDS: Mapping[str, Callable[..., Any]] = {"train": train, "infer": infer}
_Pending = tuple[str, Callable[[], ValidationRow]]
"""A row's id, and how it is read."""


def validate(published: ValidationSet, table: Path | None = None, **options: Any) -> Validation:
    """Price every row of a set, or of the user's own table in its stead, with these options: another cost model than
    the rows' own, a site.
    """
    if table is not None and published.table is None and published.read is None:
        raise BadInputError(f"rows: the figures of {published.name} are in no table that another could replace")
    checked: list[Checked] = []
    skipped: list[tuple[str, str]] = []
    for row_id, read in _pending(published, table or published.table):
        try:
            checked.append(priced(_with(options, read()), published.name))
        except BadInputError as error:
            skipped.append((row_id, str(error)))
    return Validation(published.name, published.exact, tuple(checked), tuple(skipped))


def _with(options: Mapping[str, Any], row: ValidationRow) -> ValidationRow:
    given = {name: value for name, value in options.items() if value is not None}
    return evolve(row, options={**row.options, **given}) if given else row


def _pending(published: ValidationSet, table: Path | None) -> Iterator[_Pending]:
    if table is not None and published.read is not None:
        yield from published.read(table)
    elif table is None:
        for row in _rows(published):
            yield row.id, _as_it_is(row)
    else:
        for cells in read_table(table, published.command):
            yield cells["id"], _reader(cells, published.command)


def _rows(published: ValidationSet) -> Sequence[ValidationRow]:
    with Guard(VALIDATION_SETS, published.name):
        rows = () if published.rows is None else tuple(islice(published.rows(), _MOST_ROWS))
        if len(rows) == _MOST_ROWS:
            raise WrongAnswerError(f"has more than {_MOST_ROWS - 1:,} rows")
        for row in rows:
            if not isinstance(row, ValidationRow) or row.command not in _COMMANDS:
                raise WrongAnswerError(f"has a row that is no ValidationRow of {' or '.join(_COMMANDS)}")
    return rows


def _as_it_is(row: ValidationRow) -> Callable[[], ValidationRow]:
    return lambda: row


def _reader(cells: Cells, command: str) -> Callable[[], ValidationRow]:
    return lambda: READERS[command](cells)


def priced(row: ValidationRow, set_name: str) -> Checked:
    """One row of a set, beside what the cost model makes of it."""
    estimate = _COMMANDS[row.command](**row.options)
    if row.command == "train" and not estimate.fits:
        estimate = _with_room(row, estimate)
    with Guard(VALIDATION_SETS, set_name):
        predicted = row.predict(estimate)
        if not isinstance(predicted, (int, float)) or not isfinite(predicted):
            raise WrongAnswerError(f"row {row.id}: predicts {predicted!r}, not a finite number")
    spread = spread_of(row.metric, estimate)
    return Checked(row, predicted, None if spread is None else (predicted * spread.low, predicted * spread.high))


def _with_room(row: ValidationRow, estimate: TrainingEstimate) -> TrainingEstimate:
    """Of a run that was run, and so did fit: what its row leaves open is chosen as if memory were enough."""
    hardware = estimate.plan.hardware
    roomy = evolve(hardware, memory_bytes=_ROOM * estimate.memory_bytes_per_gpu)
    again = train(**{**row.options, "gpu": roomy})
    return evolve(again, plan=evolve(again.plan, hardware=hardware))
