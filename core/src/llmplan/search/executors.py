"""Where the shares of a search are worked on: here, in threads, in processes, or by Dask on other machines."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, TimeoutError as NotYetError
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from llmplan.errors import BadInputError, LlmplanError

R = TypeVar("R")
T = TypeVar("T", bound=tuple[Any, ...])
EXECUTORS = ("threads", "processes", "dask")
_PATIENCE = "10s"
"""For a scheduler to answer."""
_LOOK_SECONDS, _ALONE_SECONDS = 1.0, 10.0
"""How often a cluster is looked at, and how long it may be without a worker."""
_CLOSE_SECONDS = 5.0
_MOST_WORKERS = 1_024
"""That one machine starts."""
_AHEAD = 4
"""Shares that wait for each worker: enough to keep it busy, few enough to hold none of the space."""


class ClusterLostError(LlmplanError):
    """Nobody works on a search any more."""


@contextmanager
def executor_of(
    name: str | None, workers: int | None = None, scheduler: str | None = None
) -> Iterator[Executor | None]:
    """An executor by its name, closed in the end; None works right here."""
    if scheduler is not None and not scheduler.strip():
        raise BadInputError("scheduler: '' is no address, like tcp://host:8786")
    if workers is not None and workers > _MOST_WORKERS:
        raise BadInputError(f"workers: {workers} is more than the {_MOST_WORKERS:,} that one machine starts")
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
    except Exception as error:
        said = " ".join(str(error).split())
        raise BadInputError(f"scheduler: {scheduler}: no Dask scheduler answers there ({said})") from error
    try:
        yield client.get_executor(pure=False)
    finally:
        with suppress(Exception):  # where the scheduler is gone there is nothing to close
            client.close(timeout=_CLOSE_SECONDS)


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
    client = getattr(executor, "_client", None)
    ahead = _AHEAD * workers_of(executor)
    running: deque[tuple[T, Future[R] | None]] = deque()
    try:
        for task in tasks:
            running.append((task, _submitted(executor, work, task)))
            if len(running) >= ahead:
                yield _result(work, *running.popleft(), client)
        while running:
            yield _result(work, *running.popleft(), client)
    finally:
        for _, future in running:
            if future is not None:
                future.cancel()


def workers_of(executor: Executor) -> int:
    """Of pools their size; of an executor that does not say, as many as its cluster has threads."""
    client = getattr(executor, "_client", None)
    if client is not None:
        return max(1, _threads_of(client))
    return int(getattr(executor, "_max_workers", None) or os.cpu_count() or 1)


def _threads_of(client: Any) -> int:
    """Of all of its workers."""
    try:
        return sum(map(int, client.nthreads(callback_timeout=_PATIENCE).values()))
    except Exception as error:
        why = " ".join(str(error).split()) or f"no answer within {_PATIENCE}"
        raise ClusterLostError(f"the Dask scheduler is gone: {why}") from error


def _submitted(executor: Executor, work: Callable[..., R], task: T) -> Future[R] | None:
    try:
        return executor.submit(work, *task)
    except BrokenExecutor:
        return None


def _result(work: Callable[..., R], task: T, future: Future[R] | None, client: Any) -> tuple[T, R]:
    if future is None:
        return task, work(*task)
    try:
        return task, future.result() if client is None else _result_of_cluster(future, client)
    except BrokenExecutor:
        return task, work(*task)


def _result_of_cluster(future: Future[R], client: Any) -> R:
    """Waits as long as the cluster works on it; ClusterLostError where nobody does any more."""
    alone_since: float | None = None
    while True:
        try:
            return future.result(timeout=_LOOK_SECONDS)
        except NotYetError:
            if future.done():
                raise
        except CancelledError as error:
            raise ClusterLostError("the Dask scheduler is gone, and what it was working on") from error
        if client.status != "running":
            raise ClusterLostError(f"the Dask scheduler is gone: its connection is {client.status}")
        if _threads_of(client):
            alone_since = None
            continue
        alone_since = alone_since or time.monotonic()
        if time.monotonic() - alone_since > _ALONE_SECONDS:
            raise ClusterLostError("the Dask cluster has no worker")
