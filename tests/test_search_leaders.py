"""What is kept of many plans: the best and the frontier, whatever they are cut into."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, strategies as st

from llmplan.arrays.rows import crossed, joined, kept, length, pieces, product_of
from llmplan.search.best import Best, Frontier, dominated, worse
from llmplan.space.dimensions import TIES

FIGURES = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60)


def plans(rows):
    """Columns with these figures; plans with equal figures differ in their last tie, in no order."""
    ties = {name: np.zeros(len(rows)) for name in TIES}
    ties["micro_batch"] = np.random.default_rng(len(rows)).permutation(len(rows)).astype(float)
    return {**ties, **{name: np.array([row[at] for row in rows], dtype=float) for at, name in enumerate("abc")}}


def listed(columns, *names):
    return list(zip(*(columns[name].tolist() for name in names), strict=True))


@given(rows=FIGURES, size=st.integers(1, 8), cut=st.integers(1, 60))
def test_the_best_are_those_of_a_sort(rows, size, cut):
    """If it fails, a plan among the best is lost where chunks are merged, or one stands there twice."""
    columns = plans(rows)
    best = Best(size, ("a", "b"))
    for piece in (*pieces(columns, cut), *pieces(columns, cut)):
        best.add(piece)
    assert listed(best.rows, "a", "b", "micro_batch") == sorted(listed(columns, "a", "b", "micro_batch"))[:size]
    assert (best.threshold() is None) == (len(rows) < size)


@given(rows=FIGURES, cut=st.integers(1, 60))
def test_the_frontier_is_what_nothing_beats(rows, cut):
    """If it fails, a plan that none beats is lost, or one that another beats is shown."""
    columns = plans(rows)
    frontier = Frontier(("a", "b", "c"))
    for piece in pieces(columns, cut):
        frontier.add(piece)
    points = set(rows)
    kept_ = {
        one for one in points if not any(o != one and all(x <= y for x, y in zip(o, one, strict=True)) for o in points)
    }
    assert listed(frontier.rows, "a", "b", "c") == sorted(kept_)
    first = {
        point: min(tie for *other, tie in listed(columns, *"abc", "micro_batch") if tuple(other) == point)
        for point in kept_
    }
    assert {tuple(point): tie for *point, tie in listed(frontier.rows, *"abc", "micro_batch")} == first


@given(rows=FIGURES, point=st.tuples(st.integers(0, 4), st.integers(0, 4)))
def test_worse_and_dominated_say_what_they_say(rows, point):
    """If it fails, pruning drops a plan that could win, or nothing at all."""
    columns = plans(rows)
    assert worse(columns, ("a", "b"), point).tolist() == [row[:2] > point for row in rows]
    front = {"a": np.array([float(point[0])]), "b": np.array([float(point[1])])}
    beaten = [row[0] >= point[0] and row[1] >= point[1] for row in rows]
    assert dominated(columns, front, ("a", "b"), strictly=False).tolist() == beaten
    strictly = [is_beaten and row[:2] != point for is_beaten, row in zip(beaten, rows, strict=True)]
    assert dominated(columns, front, ("a", "b"), strictly=True).tolist() == strictly


def test_arrays_of_plans():
    """If it fails, plans are paired with values of others."""
    table = product_of({"x": (1, 2), "y": (3, 4, 5)})
    assert listed(table, "x", "y") == list(product((1, 2), (3, 4, 5)))
    both = crossed({"z": np.array([7, 8])}, table)
    assert listed(both, "z", "x", "y") == list(product((7, 8), (1, 2), (3, 4, 5)))
    assert crossed(table, {}) is table
    assert listed(kept(table, table["x"] == 2), "y") == [(3,), (4,), (5,)]
    assert listed(kept(table, [5, 0]), "x", "y") == [(2, 5), (1, 3)]
    assert listed(joined(list(pieces(table, 4))), "x", "y") == listed(table, "x", "y")
    assert length({}) == 0
    assert joined([]) == {}


@pytest.mark.parametrize("size", [1, 4])
def test_nothing_is_added_of_nothing(size):
    """If it fails, a chunk of which no plan is left ends the search."""
    best, frontier = Best(size, ("a",)), Frontier(("a", "b"))
    nothing = kept(plans([(1, 1, 1)]), [False])
    best.add(nothing)
    frontier.add(nothing)
    assert not length(best.rows)
    assert not length(frontier.rows)
