"""Where the shares of a search are worked on: here, in threads, in processes, or by Dask on other machines."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import contextmanager
from typing import Any, TypeVar

from llmplan.errors import BadInputError

R = TypeVar("R")
T = TypeVar("T", bound=tuple[Any, ...])
EXECUTORS = ("threads", "processes", "dask")
_PATIENCE = "10s"
"""For a scheduler to answer."""
_AHEAD = 4
"""Shares that wait for each worker: enough to keep it busy, few enough to hold none of the space."""


@contextmanager
def executor_of(
    name: str | None, workers: int | None = None, scheduler: str | None = None
) -> Iterator[Executor | None]:
    """An executor by its name, closed in the end; None works right here."""
    if scheduler is not None and name != "dask":
        raise BadInputError(f"scheduler: {scheduler} needs --executor dask")
    if name is None and workers is not None:
        raise BadInputError(f"workers: {workers} of which executor? give --executor {', '.join(EXECUTORS)}")
    if name is None:
        yield None
    elif name in ("threads", "processes"):
        from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

        pool: Executor = (ThreadPoolExecutor if name == "threads" else ProcessPoolExecutor)(workers or os.cpu_count())
        try:
            yield pool
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    elif name == "dask":
        with _dask(workers, scheduler) as cluster:
            yield cluster
    else:
        raise BadInputError(f"executor: {name!r} is not one of {', '.join(EXECUTORS)}")


@contextmanager
def _dask(workers: int | None, scheduler: str | None) -> Iterator[Executor]:
    """Dask's own executor on a cluster that runs already, or on one of this machine."""
    try:
        import distributed
    except ImportError:
        raise BadInputError("executor: dask needs pip install 'llmplan-core[dask]'") from None
    connect: Callable[..., Any] = distributed.Client
    here = {"n_workers": workers, "threads_per_worker": 1, "dashboard_address": None}
    try:
        client = connect(scheduler, timeout=_PATIENCE) if scheduler else connect(**here)
    except (OSError, ValueError) as error:
        raise BadInputError(f"scheduler: {scheduler}: no Dask scheduler answers there ({error})") from error
    with client:
        yield client.get_executor(pure=False)


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
    """Of pools their size; of an executor that does not say, as many as its cluster has threads."""
    client = getattr(executor, "_client", None)
    if client is not None:
        return max(1, sum(map(int, client.nthreads().values())))
    return int(getattr(executor, "_max_workers", None) or os.cpu_count() or 1)


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
