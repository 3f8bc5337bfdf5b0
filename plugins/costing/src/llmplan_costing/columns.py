"""Numbers of many plans at once, one value for every combination of the fields that they depend on.

A formula depends on few fields of a plan: the time of a layer on tp and the micro-batch, say, and not on the ZeRO
stage. Where a million plans share a few hundred combinations of those, a `Column` holds a few hundred values and knows
which plan has which. Arithmetic on columns is arithmetic on their short arrays until further fields come in, so every
value comes out as for one plan alone, only not as often.

numpy is imported here, so import this module only where there are arrays.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from llmplan.arrays.quantities import Number
from llmplan_costing.combinations import Key, Table, through


@contextmanager
def columns(arrays: Mapping[str, Any]) -> Iterator[dict[str, Number]]:
    """Arrays of equal length as columns, or as a number where all elements are the same; to be used inside `with`.

    For speed alone, what formulas put together first goes first, plans that differ in the last fields lie side by side,
    and there are some ten thousand of them, which fit into a processor's cache.
    """
    plans = len(next(iter(arrays.values())))
    if not plans:
        yield dict(arrays)
        return
    same = {name: array[0].item() for name, array in arrays.items() if (array == array[0]).all()}
    varying = {name: array for name, array in arrays.items() if name not in same}
    table = Table(list(varying.values()), plans)
    held: dict[str, Any] = {name: Column(*table.alone(number, varying[name])) for number, name in enumerate(varying)}
    try:
        yield {**same, **held}
    finally:
        table.release()


def in_full(value: Any, plans: int) -> Any:
    """The array of a column, or of a number that all plans have in common."""
    return value.array if isinstance(value, Column) else np.full(plans, value)


def _operator(function: Callable[[Any, Any], Any]) -> tuple[Any, Any]:
    """The method of a column for an operator, and the one for a number to the left of it."""

    def forward(self: Column, other: Any) -> Column:
        if other.__class__ is not Column:
            return Column(self.key, function(self.values, other))
        key = self.key
        if other.key is key:
            return Column(key, function(self.values, other.values))
        both, mine, its = key.joins.get(other.key) or key.join(other.key)
        left = self.values if mine is None else self.values.take(mine)
        right = other.values if its is None else other.values.take(its)
        return Column(both, function(left, right))

    def reflected(self: Column, other: Any) -> Column:
        return Column(self.key, function(other, self.values))

    return forward, reflected


class Column:
    """One number of every plan: a value for each combination of a key."""

    __slots__ = ("key", "values")

    def __init__(self, key: Key, values: Any) -> None:
        self.key, self.values = key, values

    @property
    def array(self) -> Any:
        """The values as an array with one for each plan."""
        return _at(self, self.key.table.plans)

    __add__, __radd__ = _operator(operator.add)
    __sub__, __rsub__ = _operator(operator.sub)
    __mul__, __rmul__ = _operator(operator.mul)
    __truediv__, __rtruediv__ = _operator(operator.truediv)
    __pow__, __rpow__ = _operator(operator.pow)
    __and__, __rand__ = _operator(operator.and_)
    __or__, __ror__ = _operator(operator.or_)
    __lt__, __gt__ = _operator(operator.lt)[0], _operator(operator.gt)[0]
    __le__, __ge__ = _operator(operator.le)[0], _operator(operator.ge)[0]
    __eq__, __ne__ = _operator(operator.eq)[0], _operator(operator.ne)[0]
    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        raise TypeError("a column is no truth value: its plans differ")

    def __array_namespace__(self) -> Any:
        return _FUNCTIONS

    def __array_ufunc__(self, function: Any, method: str, *parts: Any, **options: Any) -> Any:
        return NotImplemented if method != "__call__" or options else _of(function, *parts)


class _Functions:
    """What an array's namespace offers that works element by element."""

    where = staticmethod(lambda *parts: _of(np.where, *parts))

    def __getattr__(self, name: str) -> Callable[..., Column]:
        if hasattr(np, name) and isinstance(getattr(np, name), np.ufunc):
            setattr(self, name, partial(_of, getattr(np, name)))
            return self.__dict__[name]  # type: ignore[no-any-return]
        raise AttributeError(f"{name} is no function of elements")


_FUNCTIONS = _Functions()


def _of(function: Callable[..., Any], *parts: Any) -> Column:
    """A function of columns and numbers, element by element."""
    key: Any = None
    for part in parts:
        if part.__class__ is Column and part.key is not key:
            key = part.key if key is None else key.join(part.key).key
    return Column(key, function(*[_at(part, key) if part.__class__ is Column else part for part in parts]))


def _at(column: Column, key: Key) -> Any:
    """The values of a column for each combination of a key that has all of its fields."""
    return column.values if column.key is key else through(key.join(column.key).its, column.values)
