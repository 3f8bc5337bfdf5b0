"""Tables of measurements in CSV files."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

from llmplan.errors import BadInputError
from llmplan.text_file import read_text
from llmplan_validation.cells import Cells

_MODEL = ("layers", "hidden", "heads", "ffn_hidden")
_FIGURE = ("accelerator", "measured_metric", "measured_value")
REQUIRED: Mapping[str, tuple[str, ...]] = {
    "train": ("id", *_MODEL, "seq_len", *_FIGURE),
    "infer": ("id", *_MODEL, "input_len", "output_len", *_FIGURE),
}
"""Columns that a table has to have, by command; it may leave out the others."""


def read_table(path: Path, command: str) -> list[Cells]:
    """Its rows; BadInputError, in one line, where it is none."""
    return [cells for _, cells in rows_of(path, read_text(path), command)]


def rows_of(path: str | Path, text: str, command: str) -> list[tuple[int, Cells]]:
    """The rows of a text, each with the line that it ends on."""
    reader = csv.reader(text.splitlines(keepends=True))
    try:
        read = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise BadInputError(f"{path}: {error}") from error
    rows = [(line, [cell.strip() for cell in row]) for line, row in read if any(cell.strip() for cell in row)]
    if not rows:
        raise BadInputError(f"{path}: is empty")
    (_, columns), *rest = rows
    _check_columns(path, columns, command)
    if not rest:
        raise BadInputError(f"{path}: has no rows")
    return [(line, _cells(columns, row, number)) for number, (line, row) in enumerate(rest, 1)]


def _check_columns(path: str | Path, columns: list[str], command: str) -> None:
    if missing := [column for column in REQUIRED[command] if column not in columns]:
        raise BadInputError(f"{path}: no column {', '.join(missing)}")
    if twice := _repeated(column for column in columns if column):
        raise BadInputError(f"{path}: column {', '.join(twice)} is there twice")


def _repeated(words: Iterable[str]) -> list[str]:
    words = list(words)
    return [word for word in dict.fromkeys(words) if words.count(word) > 1]


def _cells(columns: list[str], row: list[str], number: int) -> Cells:
    """A row that ends early has empty cells; one without an id is called by its number."""
    cells = dict(zip(columns, row + [""] * len(columns), strict=False))
    return {**cells, "id": cells["id"] or f"row {number}"}
