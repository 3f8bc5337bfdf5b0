"""Which combinations of fields occur among many plans, and which plan has which.

numpy is imported here, so import this module only where there are arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

_WORTH_IT = 4
"""Plans that a combination has to stand for: to find it costs as much as some operations on all plans."""
_SPARSE, _SMALL = 8, 65_536
"""Up to so many times the rows, or so many, a table finds the codes that occur; beyond, sorting is faster."""


class Numbered(NamedTuple):
    """What occurs, numbered: for each row its number, for each number a row that has it, and how many there are."""

    numbers: Any
    rows: Any
    size: int


class Level:
    """The first so many fields, and the combinations of them that occur."""

    __slots__ = ("coarser", "fields", "plans", "size", "up", "ups")

    def __init__(self, fields: int, plans: Any, coarser: Level | None = None, up: Any = None) -> None:
        self.fields, self.plans, self.size = fields, plans, len(plans)
        """A bit a field; for each combination a plan that has it."""
        self.coarser, self.up = coarser, up
        """The level before, and for each combination the one there."""
        self.ups: dict[Level, Any] = {}

    def above(self, level: Level) -> Any:
        """For each combination the one on a coarser level; None for itself."""
        if level is self:
            return None
        if level not in self.ups:
            assert self.coarser is not None  # noqa: S101 - the first level is asked for itself alone
            self.ups[level] = through(self.up, self.coarser.above(level))
        return self.ups[level]


class Key:
    """Some fields, and the combinations of them that occur, as rows of the first level that has these fields."""

    __slots__ = ("fields", "joins", "level", "numbers", "rows", "size", "table")

    def __init__(self, table: Table, fields: int, level: Level, found: Numbered | None = None) -> None:
        self.table, self.fields, self.level = table, fields, level
        self.numbers: Any
        self.rows: Any
        self.numbers, self.rows, self.size = found or (None, None, level.size)
        self.joins: dict[Key, Join] = {}

    def of(self, finer: Key) -> Any:
        """For each combination of these and more fields the one of these; None where it is the same."""
        return through(through(finer.rows, finer.level.above(self.level)), self.numbers)

    def join(self, other: Key) -> Join:
        """Join the fields of this key with those of another."""
        if other not in self.joins:
            key = self.table.together(self, other)
            mine, its = self.of(key), other.of(key)
            self.joins[other], other.joins[self] = Join(key, mine, its), Join(key, its, mine)
        return self.joins[other]


class Join(NamedTuple):
    """Two keys together, and for each combination of both the one of either, None where it is the same."""

    key: Key
    mine: Any
    its: Any


class Table:
    """Plans by their fields. Levels have ever more fields, until the last tells all plans apart."""

    def __init__(self, arrays: Sequence[Any], plans: int) -> None:
        self.levels = _levels(arrays, plans)
        self.keys = {level.fields: Key(self, level.fields, level) for level in self.levels}
        self.plans = self.keys[self.levels[-1].fields]
        """The key of all fields."""

    def first_with(self, fields: int) -> Key:
        """Of the coarsest level that has these fields."""
        return self.keys[next(level.fields for level in self.levels if not fields & ~level.fields)]

    def alone(self, number: int, array: Any) -> tuple[Key, Any]:
        """The key of one field, and its values."""
        fields = 1 << number
        key = self.first_with(fields)
        values = array.take(key.level.plans)
        if key is self.plans or key.fields == fields:
            return key, values
        found = numbered(*_codes(values))
        self.keys[fields] = Key(self, fields, key.level, found)
        return self.keys[fields], values.take(found.rows)

    def together(self, one: Key, other: Key) -> Key:
        """The key of the fields of both."""
        fields = one.fields | other.fields
        if fields not in self.keys:
            key = self.first_with(fields)
            if key is not self.plans:
                found = _pairs((one.of(key), one.size), (other.of(key), other.size))
                key = Key(self, fields, key.level, found) if found.size < key.size else key
            self.keys[fields] = key
        return self.keys[fields]

    def release(self) -> None:
        """Let go of all arrays: keys and table refer to each other, and the garbage collector may be long in coming."""
        for key in self.keys.values():
            key.joins.clear()
        self.keys.clear()
        del self.plans


def _levels(arrays: Sequence[Any], plans: int) -> list[Level]:
    """Those with far fewer combinations than plans, then the plans themselves.

    Of neighbours that agree in all fields so far, the first stands for all.
    """
    begins = np.zeros(plans, bool)
    begins[0] = True
    first, numbers = np.zeros(1, np.intp), np.zeros(1, np.intp)
    levels = [Level(0, first)]
    for number, array in enumerate(arrays):
        began = begins.copy()
        begins[1:] |= array[1:] != array[:-1]
        first = begins.nonzero()[0]
        numbers = _spread(numbers, began.take(first))
        coarser = levels[-1]
        found = _pairs((numbers, coarser.size), _codes(array.take(first)))
        if _WORTH_IT * found.size > plans:
            break
        if found.size == coarser.size:
            coarser.fields |= 1 << number
        else:
            fields = coarser.fields | 1 << number
            levels.append(Level(fields, first.take(found.rows), coarser, numbers.take(found.rows)))
            numbers = found.numbers
    every = (1 << len(arrays) + 1) - 1  # and a bit for the plan itself
    return [*levels, Level(every, np.arange(plans), levels[-1], _spread(numbers, begins))]


def _spread(values: Any, begins: Any) -> Any:
    """Each from where it begins to where the next does."""
    return values.take(begins.cumsum() - 1)


def _codes(values: Any) -> tuple[Any, int]:
    """A whole number for each value, and what they are below."""
    if values.dtype == bool:
        return values.astype(np.intp), 2
    most = values.max()
    if values.min() >= 0 and most <= _SPARSE * len(values) + _SMALL:
        whole = values.astype(np.intp)
        if (whole == values).all():
            return whole, int(most) + 1
    distinct, codes = np.unique(values, return_inverse=True)
    return codes, len(distinct)


def distinct(arrays: Sequence[Any]) -> Numbered:
    """The combinations of values that occur side by side in arrays of equal length."""
    codes, bound = _codes(arrays[0])
    found = numbered(codes, bound)
    for array in arrays[1:]:
        found = _pairs((found.numbers, found.size), _codes(array))
    return found


def _pairs(one: tuple[Any, int], other: tuple[Any, int]) -> Numbered:
    """The pairs of codes that occur."""
    (codes, bound), (others, other_bound) = one, other
    return numbered(codes * other_bound + others, bound * other_bound)


def numbered(codes: Any, bound: int) -> Numbered:
    """Number the codes that occur, in order."""
    if bound > _SPARSE * len(codes) + _SMALL:
        _, rows, numbers = np.unique(codes, return_index=True, return_inverse=True)
        return Numbered(numbers, rows, len(rows))
    occurs = np.zeros(bound, bool)
    occurs[codes] = True
    distinct = occurs.nonzero()[0]
    table = np.empty(bound, np.intp)
    table[distinct] = np.arange(len(distinct))
    numbers = table.take(codes)
    rows = np.empty(len(distinct), np.intp)
    rows[numbers] = np.arange(len(codes))
    return Numbered(numbers, rows, len(distinct))


def through(first: Any, then: Any) -> Any:
    """One index after the other; None changes nothing."""
    if first is None or then is None:
        return then if first is None else first
    return then.take(first)
