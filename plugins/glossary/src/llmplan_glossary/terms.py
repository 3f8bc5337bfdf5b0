"""The terms, read from ``terms.toml``, from which docs/glossary.md is written too."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import Any

from attrs import frozen

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_FILE = Path(__file__).with_name("terms.toml")


@frozen(repr=False)
class Term:
    """A word, what it means, and where that is from."""

    name: str
    words: str
    aliases: tuple[str, ...] = ()
    formula: str = ""
    source: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        """All that it is looked up by."""
        return tuple(map(key_of, (self.name, *self.aliases)))


@frozen(repr=False)
class Group:
    """Terms that belong together, under a heading."""

    name: str
    terms: tuple[Term, ...]


def key_of(word: str) -> str:
    """A word without what people write in several ways: case, dashes, underscores."""
    return " ".join(word.lower().lstrip("-").replace("-", " ").replace("_", " ").split())


@cache
def groups() -> tuple[Group, ...]:
    """All terms in the order of the glossary."""
    with _FILE.open("rb") as file:
        read = tomllib.load(file)["groups"]
    return tuple(Group(group["name"], tuple(map(_term, group["terms"]))) for group in read)


def _term(entry: dict[str, Any]) -> Term:
    return Term(
        name=entry["name"],
        words=" ".join(entry["words"].split()),
        aliases=tuple(entry.get("aliases", ())),
        formula=entry.get("formula", ""),
        source=entry.get("source", ""),
    )
