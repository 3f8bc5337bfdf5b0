"""The hooks that this package implements; nothing of what works is imported before it is opened."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from llmplan.hookspecs import hookimpl

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from llmplan.records import SearchExecutor

LLMPLAN_API = 1


@hookimpl
def llmplan_executors() -> Iterable[SearchExecutor]:
    """Contribute ``threads``, ``processes`` and ``dask``."""
    from llmplan.records import SearchExecutor

    yield SearchExecutor(name="threads", open=_threads, description="threads of this process")
    yield SearchExecutor(name="processes", open=_processes, description="processes of this machine")
    yield SearchExecutor(
        name="dask", open=_dask, takes_scheduler=True, description="a Dask cluster, or one of this machine"
    )


def _threads(workers: int | None, _scheduler: str | None) -> AbstractContextManager[Executor]:
    from concurrent.futures import ThreadPoolExecutor

    from llmplan_executors.pools import pool

    return pool(ThreadPoolExecutor, workers)


def _processes(workers: int | None, _scheduler: str | None) -> AbstractContextManager[Executor]:
    from concurrent.futures import ProcessPoolExecutor

    from llmplan_executors.pools import pool

    return pool(ProcessPoolExecutor, workers)


def _dask(workers: int | None, scheduler: str | None) -> AbstractContextManager[Executor]:
    from llmplan_executors.dask_cluster import dask_cluster

    return dask_cluster(workers, scheduler)
