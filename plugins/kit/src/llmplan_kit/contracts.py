"""What all contracts share: how a broken rule is said, and rules that hold of records of several kinds.

`llmplan.testing` is the door to them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from llmplan.catalogues import Kind, registry
from llmplan.errors import LlmplanError
from llmplan.estimate.line import Kind as LineKind, kind_of

WIDTHS = ("weight", "activation", "embedding", "norm", "loss")
ROUNDING = 1e-9
NUMPY: Any = import_module("numpy") if find_spec("numpy") else None
WIDEST_BITS = 64
LONGEST_LAUNCH = 1e-3
"""Seconds of a launch or a step: one in milliseconds is longer."""
SHORTEST_LAUNCH = 1e-9


class ContractError(LlmplanError, AssertionError):
    """A plugin, or one of its records, breaks a rule that llmplan relies on."""


def same(arrays: Any, numbers: Any) -> bool:
    """Whether what was computed at once is what was computed one by one."""
    return bool(NUMPY.allclose(arrays, numbers, rtol=ROUNDING, atol=0))


def require(condition: object, message: str) -> None:
    """ContractError where the condition does not hold."""
    if not condition:
        raise ContractError(message)


def check_lines(where: str, lines: Iterable[str], kinds: Collection[LineKind]) -> None:
    """Each is a `Line` of one of these kinds: energy, bottlenecks and headroom go by them, not by names."""
    words = ", ".join(f"Kind.{kind.name}" for kind in kinds)
    for line in lines:
        kind = kind_of(line)
        require(
            kind is not None,
            f"{where}: {line!r} is a mere string; make it a Line({str(line)!r}, {words.split(',')[0]})",
        )
        require(kind in kinds, f"{where}: {line}: {kind} is none of {words}")


def checked_name(kind: Kind, record: Any) -> str:
    """The name of a record, which has to be of this kind."""
    try:
        kind.check(record)
    except LlmplanError as error:
        raise ContractError(str(error)) from error
    return str(record.name)


def check_within(name: str, record: Any, limits: Mapping[str, tuple[float, float, str]]) -> None:
    """Fields that are stated lie between what is plausible, zero aside; each with what it is to be in."""
    for field, (low, high, unit) in limits.items():
        value = getattr(record, field)
        right = value is None or value == 0 or low <= value <= high
        require(right, f"{name}: {field}: {value} is not in {low:g} to {high:g}: is it {unit}?")


def check_aliases(name: str, aliases: tuple[str, ...]) -> None:
    """Words of tables, compared without case."""
    require(isinstance(aliases, tuple), f"{name}: aliases: {aliases!r} is no tuple of words")
    blank = [alias for alias in aliases if not isinstance(alias, str) or not alias.strip()]
    require(not blank, f"{name}: aliases: {blank[0] if blank else ''!r} is no word")
    lowered = [alias.lower() for alias in aliases]
    twice = [alias for alias in aliases if lowered.count(alias.lower()) > 1]
    require(not twice, f"{name}: aliases: {twice[0] if twice else ''} is there twice")


def check_words_of_others(kind: Kind, name: str, words: Iterable[str]) -> None:
    """None is the name, or another word, of something else that is installed."""
    others = {
        word.lower(): other
        for other, _, record in registry().catalogue(kind).entries()
        if other != name
        for word in (other, *getattr(record, "aliases", ()))
    }
    for word in words:
        taken = others.get(word.lower())
        require(taken is None, f"{name}: aliases: {word} is a word for {taken}")


def check_spelling(name: str, field: str, words: Iterable[str | None], known: Iterable[str]) -> None:
    """A word of one's own is fine; one that differs from a known one by a dash or a capital is a slip."""
    letters = {"".join(filter(str.isalnum, word.lower())): word for word in known}
    for word in words:
        meant = letters.get("".join(filter(str.isalnum, (word or "").lower())), word)
        require(word == meant, f"{name}: {field}: {word}: did you mean {meant}?")
