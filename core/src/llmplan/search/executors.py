"""Where the shares of a search are worked on: here, or by an executor, in the order of the shares."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import contextmanager
from typing import Any, TypeVar

from llmplan.catalogues import registry
from llmplan.errors import BadInputError, LlmplanError

R = TypeVar("R")
T = TypeVar("T", bound=tuple[Any, ...])
_AHEAD = 4
"""Shares that wait for each worker: enough to keep it busy, few enough to hold none of the space."""


class ClusterLostError(LlmplanError):
    """Nobody works on a search any more."""


@contextmanager
def executor_of(
    name: str | None, workers: int | None = None, scheduler: str | None = None
) -> Iterator[Executor | None]:
    """An executor by its name, closed in the end; None works right here."""
    if name is None and workers is None and scheduler is None:
        yield None
        return
    offered = registry().executors
    if scheduler is not None and (name is None or not offered[name].takes_scheduler):
        takers = [one.name for one in offered.values() if one.takes_scheduler]
        raise BadInputError(f"scheduler: {scheduler} needs --executor {' or '.join(takers) or 'of a plugin'}")
    if name is None:
        raise BadInputError(f"workers: {workers} of which executor? give --executor {', '.join(offered)}")
    with offered[name].open(workers, scheduler) as executor:
        yield executor


def in_order(
    executor: Executor | None, work: Callable[..., R], tasks: Iterable[T]
) -> Generator[tuple[T, R], None, None]:
    """Each task with its result, in the order of the tasks, however many are worked on at once.

    Where an executor breaks, because one of its processes was killed, what is left is done here.
    """
    if executor is None:
        for task in tasks:
            yield task, work(*task)
        return
    ahead = _AHEAD * workers_of(executor)
    running: deque[tuple[T, Future[R] | None]] = deque()
    try:
        for task in tasks:
            running.append((task, _submitted(executor, work, task)))
            if len(running) >= ahead:
                yield _result(work, *running.popleft())
        while running:
            yield _result(work, *running.popleft())
    finally:
        for _, future in running:
            if future is not None:
                future.cancel()


def workers_of(executor: Executor) -> int:
    """As many as it says, or its pool has, or there are cores."""
    said = getattr(executor, "workers", None) or getattr(executor, "_max_workers", None)
    return int(said or os.cpu_count() or 1)


def _submitted(executor: Executor, work: Callable[..., R], task: T) -> Future[R] | None:
    try:
        return executor.submit(work, *task)
    except BrokenExecutor:
        return None


def _result(work: Callable[..., R], task: T, future: Future[R] | None) -> tuple[T, R]:
    if future is None:
        return task, work(*task)
    try:
        return task, future.result()
    except BrokenExecutor:
        return task, work(*task)
