"""Threads and processes of this machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager

from llmplan.errors import BadInputError

_MOST_WORKERS = 1_024
"""That one machine starts."""


@contextmanager
def pool(make: Callable[[int | None], Executor], workers: int | None) -> Iterator[Executor]:
    """As many workers as there are cores by default; in the end nobody waits for what is left of their work."""
    check_workers(workers)
    made = make(workers or os.cpu_count())
    try:
        yield made
    finally:
        made.shutdown(wait=False, cancel_futures=True)


def check_workers(workers: int | None) -> None:
    """BadInputError where these are more than one machine starts."""
    if workers is not None and workers > _MOST_WORKERS:
        raise BadInputError(f"workers: {workers} is more than the {_MOST_WORKERS:,} that one machine starts")
