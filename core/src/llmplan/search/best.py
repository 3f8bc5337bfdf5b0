"""The best plans so far and the Pareto frontier: kept per chunk, merged in any order, the same in the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from attrs import define, field

from llmplan.arrays.rows import Columns, joined, kept, length
from llmplan.space.dimensions import SIZE_COLUMNS, TIES


def worse(rows: Columns, by: Sequence[str], than: Sequence[float]) -> Any:
    """Which rows come after these figures, the first of which decides, then the next."""
    beyond, equal = np.zeros(length(rows), dtype=bool), np.ones(length(rows), dtype=bool)
    for name, value in zip(by, than, strict=True):
        beyond |= equal & (rows[name] > value)
        equal &= rows[name] == value
    return beyond


@define(eq=False)
class Best:
    """The first `size` plans by these columns, then by `TIES`."""

    size: int
    by: tuple[str, ...]
    alike: tuple[str, ...] = ()
    """Where plans of the same sizes are equal in these, the first stands for all: how they go makes no difference. None
    of these: each stands for itself.
    """
    rows: Columns = field(factory=dict)

    def add(self, rows: Columns, finish: Callable[[Columns], Columns] = lambda rows: rows) -> None:
        """What comes with the best; `finish` adds the columns that only they need."""
        candidates = self._candidates(rows)
        if not length(candidates):
            return
        candidates = finish(candidates)
        merged = joined([self.rows, candidates]) if self.rows else candidates
        order = _order(merged, self.by)
        merged = kept(merged, order[_distinct(merged, order)])
        self.rows = kept(merged, self._different(merged)[: self.size])

    def _different(self, rows: Columns) -> Any:
        """Positions of rows in order, of those that are alike the first."""
        if not self.alike:
            return np.arange(length(rows))
        keys = [rows[name] for name in (*self.alike, "case", *SIZE_COLUMNS)]
        order = np.lexsort(keys)
        begins = np.ones(len(order), dtype=bool)
        begins[1:] = np.logical_or.reduce([key[order][1:] != key[order][:-1] for key in keys])
        return np.sort(order[begins])

    def _candidates(self, rows: Columns) -> Columns:
        """Few of them, and none left out that could be among the best: sorting by all of `TIES` is slow."""
        last = self.threshold()
        if last is not None:
            rows = kept(rows, ~worse(rows, self.by, last))
        if length(rows) <= self.size:
            return rows
        order = np.lexsort([rows[name] for name in self.by[::-1]])
        most = self.size
        while most < length(rows):
            at = order[most - 1]
            few = kept(rows, ~worse(rows, self.by, [rows[name][at] for name in self.by]))
            if len(self._different(few)) >= self.size:
                return few
            most = 2 * length(few)
        return rows

    def threshold(self) -> tuple[float, ...] | None:
        """The figures of the last of them; None while there is room."""
        if length(self.rows) < self.size:
            return None
        return tuple(float(self.rows[name][-1]) for name in self.by)


@define(eq=False)
class Frontier:
    """Plans of which none is at least as good in every one of these columns."""

    by: tuple[str, ...]
    rows: Columns = field(factory=dict)

    def add(self, rows: Columns, finish: Callable[[Columns], Columns] = lambda rows: rows) -> None:
        """Those of the rows that no other dominates."""
        if self.rows:
            rows = kept(rows, ~dominated(rows, self.rows, self.by, strictly=True))
        rows = kept(rows, _leading(rows, self.by))
        if not length(rows):
            return
        rows = finish(rows)
        merged = joined([self.rows, rows]) if self.rows else rows
        order = _order(merged, self.by)
        merged = kept(merged, order)
        self.rows = kept(merged, _frontier(merged, self.by))


def _order(rows: Columns, by: Sequence[str]) -> Any:
    keys = [rows[name] for name in (*by, *TIES)]
    return np.lexsort(keys[::-1])


def _distinct(rows: Columns, order: Any) -> Any:
    """Where a plan begins that is another than the one before it: plans that `TIES` do not tell apart are the same."""
    begins = np.zeros(len(order), dtype=bool)
    begins[:1] = True
    for name in TIES:
        sorted_ = rows[name][order]
        begins[1:] |= sorted_[1:] != sorted_[:-1]
    return begins


def _leading(rows: Columns, by: Sequence[str]) -> Any:
    """Positions of all that no other strictly dominates, equals among them: ties are for whoever merges."""
    left = np.arange(length(rows))
    found: list[Any] = []
    values = np.stack([rows[name] for name in by]) if len(left) else np.empty((len(by), 0))
    while len(left):
        first = left[np.lexsort(values[::-1, left])[0]] if len(by) > 1 else left[np.argmin(values[0, left])]
        point = values[:, first][:, None]
        beaten = (values[:, left] >= point).all(axis=0)
        equal = (values[:, left] == point).all(axis=0)
        found.append(left[equal])
        left = left[~beaten]
    return np.sort(np.concatenate(found)) if found else left


def _frontier(rows: Columns, by: Sequence[str]) -> Any:
    """Positions of sorted rows that none before them equals or beats."""
    values = np.stack([rows[name] for name in by])
    chosen: list[int] = []
    left = np.arange(values.shape[1])
    while len(left):
        chosen.append(int(left[0]))
        left = left[~(values[:, left] >= values[:, left[:1]]).all(axis=0)]
    return chosen


def dominated(rows: Columns, frontier: Columns, by: Sequence[str], *, strictly: bool) -> Any:
    """Which rows a point of the frontier is at least as good as in all columns, and better in one."""
    lost = np.zeros(length(rows), dtype=bool)
    for position in range(length(frontier)):
        point = [frontier[name][position] for name in by]
        as_good = np.logical_and.reduce([rows[name] >= value for name, value in zip(by, point, strict=True)])
        better = np.logical_or.reduce([rows[name] > value for name, value in zip(by, point, strict=True)])
        lost |= as_good & better if strictly else as_good
    return lost
