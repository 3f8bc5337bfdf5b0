"""What takes long tells how far it is, to whoever listens: a command that somebody waits for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple


class Stage(NamedTuple):
    """So many done of so many."""

    done: int
    roots: int
    what: str
    """Words for them, like "requests simulated"."""

    @property
    def said(self) -> str:
        """In one line."""
        return f"{self.done:,} of {self.roots:,} {self.what}"


_LISTENER: ContextVar[Callable[[Stage], None] | None] = ContextVar("listener", default=None)


@contextmanager
def heard_by(listener: Callable[[Stage], None]) -> Iterator[None]:
    """Have it told, by whatever works meanwhile; what it raises ends the work."""
    before = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(before)


def tell(done: int, roots: int, what: str) -> None:
    """Say how far it is, every thousandth of a long work or so."""
    listener = _LISTENER.get()
    if listener is not None:
        listener(Stage(done, roots, what))
