"""The search: shares of the space, worked on by any executor, merged in their order.

Few plans are all priced. Of many, first the usual plans (ZeRO 1, sequence parallelism, 1F1B, nothing offloaded) are
looked at, which say how good the best are at least; then all plans, of which those are priced that could be as good.
What is pruned so depends on neither the executor nor the size of a chunk.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import closing
from typing import Any

from attrs import evolve, frozen

from llmplan.arrays.rows import Columns, length, pieces
from llmplan.search.executors import ClusterLostError, in_order, workers_of
from llmplan.search.workers import CHUNK, Found, Question, explore
from llmplan.space.case import TrainingCase
from llmplan.space.enumerate import Listing

_ROOTS = 128
"""Divisions of the GPUs in one share at most: the more, the fewer calls of the cost model."""
_FEW = CHUNK
"""Plans of which none is pruned: together they are priced in one call or a few."""
_SHARES = 8
"""Of each worker at least, so that none is idle for long."""


@frozen(eq=False)
class Progress:
    """How far a search is, and what it has found so far."""

    done: int
    roots: int
    """Divisions of the GPUs worked on, of all."""
    found: Found


@frozen(eq=False)
class Outcome:
    """What a search has found when it ends, or is stopped."""

    found: Found
    roots: list[Columns]
    """Every division of the GPUs."""
    seconds: float
    complete: bool
    """False where it was interrupted."""
    lost: str = ""
    """Why nobody works on it any more."""


Watch = Callable[[Progress], None]
Sink = Callable[[Columns], None]
"""Takes the priced plans, part by part."""


def run(
    cases: Sequence[TrainingCase],
    question: Question,
    *,
    executor: Executor | None = None,
    watch: Watch | None = None,
    sink: Sink | None = None,
    interruptible: bool = False,
) -> Outcome:
    """Ask the question of every plan of every case."""
    begin = time.perf_counter()
    found, complete, lost = Found.nothing(question), True, ""
    roots: list[tuple[Any, Columns]] = []
    try:
        for case in cases:
            roots.extend((case, rows) for rows in Listing(case).roots(found.illegal))
        if not question.prune or _are_few(roots):
            _merge_all(roots, evolve(question, prune=False), executor, found, watch, sink)
        else:
            question = _aimed(roots, question, executor, found, _half(watch, 0))
            if not question.is_answered(found):
                _merge_all(roots, question, executor, found, _half(watch, 1), sink)
    except (KeyboardInterrupt, ClusterLostError) as error:
        if not interruptible:
            raise
        complete, lost = False, str(error)
    return Outcome(found, [rows for _, rows in roots], time.perf_counter() - begin, complete, lost)


def _are_few(roots: Sequence[tuple[Any, Columns]]) -> bool:
    """Whether all plans are priced sooner than it is found out which of them need not be."""
    left = _FEW
    for case, rows in roots:
        for plans in Listing(case).plans(rows, _FEW, Counter()):
            left -= length(plans)
            if left < 0:
                return False
    return True


def _half(watch: Watch | None, passed: int) -> Watch | None:
    """What is told of one of the two passes."""
    if watch is None:
        return None
    told: Watch = watch
    return lambda state: told(Progress(state.done + passed * state.roots, 2 * state.roots, state.found))


def _aimed(
    roots: Sequence[tuple[Any, Columns]],
    question: Question,
    executor: Executor | None,
    found: Found,
    watch: Watch | None,
) -> Question:
    """The question with what the usual plans reach, which are what is found so far; the simplest is one of them."""
    known = {name: getattr(found, name) for name in ("best", "point", "frontier", "simplest")}
    usual = evolve(Found.nothing(question), **known)
    try:
        _merge_all(roots, evolve(question, usual=True, keep=False), executor, usual, watch)
    except (KeyboardInterrupt, ClusterLostError):  # what is found is of these alone, which are what is counted then
        nothing = Found.nothing(question)
        found.merge(evolve(usual, **{name: getattr(nothing, name) for name in known}))
        raise
    return evolve(
        question,
        threshold=found.best.threshold(),
        point_threshold=found.point.threshold(),
        frontier=found.frontier.rows,
    )


def _merge_all(
    roots: Sequence[tuple[Any, Columns]],
    question: Question,
    executor: Executor | None,
    into: Found,
    watch: Watch | None = None,
    sink: Sink | None = None,
) -> None:
    total, done = sum(length(rows) for _, rows in roots), 0
    size = _ROOTS if executor is None else max(1, min(_ROOTS, total // (_SHARES * workers_of(executor))))
    shares = ((case, piece, question) for case, rows in roots for piece in pieces(rows, size))
    with closing(in_order(executor, explore, shares)) as results:
        for (_, piece, _), found in results:
            into.merge(found)
            if sink is not None:
                for columns in found.kept:
                    sink(columns)
            done += length(piece)
            if watch is not None:
                watch(Progress(done, total, into))
            if question.is_answered(into):
                break
