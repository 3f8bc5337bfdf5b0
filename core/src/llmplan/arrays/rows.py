"""Plans as columns: one numpy array a field, one element a plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

Columns: TypeAlias = dict[str, Any]
"""Arrays of equal length, by field."""


def length(columns: Mapping[str, Any]) -> int:
    """How many plans these columns hold."""
    return next((len(column) for column in columns.values()), 0)


def kept(columns: Columns, mask: Any) -> Columns:
    """The plans that a mask, or a list of positions, names."""
    at = np.asarray(mask)
    if at.dtype == bool:
        at = at.nonzero()[0]
        if len(at) == length(columns):
            return columns
    return {name: column.take(at) for name, column in columns.items()}


def crossed(columns: Columns, table: Columns) -> Columns:
    """Every plan with every row of the table, in order."""
    if not table:
        return columns
    plans, ways = length(columns), length(table)
    repeated = {name: np.repeat(column, ways) for name, column in columns.items()}
    return {**repeated, **{name: np.tile(column, plans) for name, column in table.items()}}


def product_of(dimensions: Mapping[str, Sequence[Any]]) -> Columns:
    """Every combination of the values, the last dimension fastest."""
    table: Columns = {}
    for name, values in dimensions.items():
        column = {name: np.asarray(values)}
        table = crossed(table, column) if table else column
    return table


def pieces(columns: Columns, size: int) -> Iterator[Columns]:
    """In order, so many plans at a time."""
    for start in range(0, length(columns), size):
        yield {name: column[start : start + size] for name, column in columns.items()}


def joined(parts: Sequence[Columns]) -> Columns:
    """One after the other; all have the same fields."""
    if len(parts) == 1:
        return parts[0]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]} if parts else {}
