"""Cells of a table: numbers and words, and messages that name the column where a cell is neither."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite

from llmplan.errors import BadInputError

Cells = Mapping[str, str]
"""A row: its cells by column, stripped."""

_LARGEST_WHOLE = 10**9
_FLAGS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


def text(cells: Cells, column: str) -> str:
    """Empty where the table has no such column."""
    return cells.get(column, "")


def number(cells: Cells, column: str) -> float | None:
    """A number above zero; None where the cell is empty."""
    cell = text(cells, column)
    if not cell:
        return None
    try:
        value = float(cell)
    except ValueError:
        value = 0.0
    if not isfinite(value) or value <= 0:
        raise BadInputError(f"{column}: {cell!r} is not a positive number")
    return value


def whole(cells: Cells, column: str, smallest: int = 1, largest: int = _LARGEST_WHOLE) -> int | None:
    """A whole number, also one that is written ``8.0``; None where the cell is empty."""
    cell = text(cells, column)
    if not cell:
        return None
    try:
        value = float(cell)
    except ValueError:
        value = -1.0
    if not smallest <= value <= largest or value != int(value):
        raise BadInputError(f"{column}: {cell!r} is not a whole number, {smallest} to {largest:,}")
    return int(value)


def needed(cells: Cells, column: str, largest: int = _LARGEST_WHOLE) -> int:
    """A whole number that a row cannot do without."""
    value = whole(cells, column, 1, largest)
    if value is None:
        raise BadInputError(f"{column}: empty")
    return value


def flag(cells: Cells, column: str) -> bool | None:
    """``1`` or ``0``; None where the cell is empty."""
    cell = text(cells, column).lower()
    if cell and cell not in _FLAGS:
        raise BadInputError(f"{column}: {cell!r} is not 1 or 0")
    return _FLAGS.get(cell)
