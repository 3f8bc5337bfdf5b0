"""Dask on other machines, or on this one: an executor that says so where nobody works any more."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor, Future, TimeoutError as NotYetError
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from llmplan.errors import BadInputError
from llmplan.search.executors import ClusterLostError
from llmplan_executors.pools import check_workers

R = TypeVar("R")
_PATIENCE = "10s"
"""For a scheduler to answer."""
_LOOK_SECONDS, _ALONE_SECONDS = 1.0, 10.0
"""How often a cluster is looked at, and how long it may be without a worker."""
_CLOSE_SECONDS = 5.0


@contextmanager
def dask_cluster(workers: int | None, scheduler: str | None) -> Iterator[Executor]:
    """A cluster that runs already, by its address, or one of this machine with so many workers."""
    check_workers(workers)
    if scheduler is not None and not scheduler.strip():
        raise BadInputError("scheduler: '' is no address, like tcp://host:8786")
    try:
        import distributed
    except ImportError:
        raise BadInputError("executor: dask needs pip install 'llmplan-executors[dask]'") from None
    connect: Callable[..., Any] = distributed.Client
    here = {"n_workers": workers, "threads_per_worker": 1, "dashboard_address": None}
    try:
        client = connect(scheduler, timeout=_PATIENCE) if scheduler else connect(**here)
    except Exception as error:
        said = " ".join(str(error).split())
        raise BadInputError(f"scheduler: {scheduler}: no Dask scheduler answers there ({said})") from error
    try:
        yield DaskExecutor(client)
    finally:
        with suppress(Exception):  # where the scheduler is gone there is nothing to close
            client.close(timeout=_CLOSE_SECONDS)


class DaskExecutor(Executor):
    """Dask's own executor, whose results are waited for as long as the cluster works on them."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._executor = client.get_executor(pure=False)

    @property
    def workers(self) -> int:
        """The threads of all workers together."""
        return max(1, self.threads)

    @property
    def threads(self) -> int:
        """The same, none where nobody works."""
        try:
            return sum(map(int, self._client.nthreads(callback_timeout=_PATIENCE).values()))
        except Exception as error:
            why = " ".join(str(error).split()) or f"no answer within {_PATIENCE}"
            raise ClusterLostError(f"the Dask scheduler is gone: {why}") from error

    @property
    def status(self) -> str:
        """Of the connection: ``running`` while it stands."""
        return str(self._client.status)

    def submit(self, fn: Callable[..., R], /, *args: Any, **kwargs: Any) -> Future[R]:
        """Send a task to the cluster."""
        return Awaited(self._executor.submit(fn, *args, **kwargs), self)


class Awaited(Future[R]):
    """A result of a cluster, which may die before it is there."""

    def __init__(self, future: Future[R], executor: DaskExecutor) -> None:
        super().__init__()
        self._future, self._executor = future, executor

    def cancel(self) -> bool:
        """Have nobody begin with it."""
        return self._future.cancel()

    def result(self, timeout: float | None = None) -> R:
        """Waits as long as the cluster works on it; ClusterLostError where nobody does any more."""
        begin, alone_since = time.monotonic(), None
        while True:
            try:
                return self._future.result(timeout=_LOOK_SECONDS)
            except NotYetError:
                if self._future.done() or (timeout is not None and time.monotonic() - begin > timeout):
                    raise
            except CancelledError as error:
                raise ClusterLostError("the Dask scheduler is gone, and what it was working on") from error
            if self._executor.status != "running":
                raise ClusterLostError(f"the Dask scheduler is gone: its connection is {self._executor.status}")
            if self._executor.threads:
                alone_since = None
                continue
            alone_since = alone_since or time.monotonic()
            if time.monotonic() - alone_since > _ALONE_SECONDS:
                raise ClusterLostError("the Dask cluster has no worker")
