"""Where the shares of a search are worked on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from attrs import field, frozen

from llmplan.records.checks import lookup_name

if TYPE_CHECKING:
    from concurrent.futures import Executor


@frozen(kw_only=True, eq=False, repr=False)
class SearchExecutor:
    """Threads, processes or other machines, for ``--executor NAME``."""

    name: str = field(validator=lookup_name)
    open: Callable[[int | None, str | None], AbstractContextManager[Executor]]
    """An executor for so many workers, as many as suit it where None, at an address, of its own where None. It may
    have `workers`, how many of them there are, and raises ClusterLostError where nobody works any more.
    """
    takes_scheduler: bool = False
    """Whether it goes to an address, ``--scheduler``."""
    description: str = ""
