"""A record in Python that is made when it is looked up: what a hook may return in place of the record."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any


class LazyRecord:
    """A record whose modules are imported when somebody asks for it: most commands need few of what is installed.

    It is found by its name and, where nothing is called so, by the words that it mentions: its aliases, the programs
    that it serves, ``default`` where it claims to be that. Whoever looks for such a word makes no other record.
    """

    def __init__(self, name: str, make: Callable[[], Any], mentions: Iterable[str] = ()) -> None:
        self.name = name
        self.make = make
        self._mentioned = frozenset(map(str.lower, mentions))

    def mentions(self, word: str) -> bool:
        """Whether the record may hold this word."""
        return word in self._mentioned
