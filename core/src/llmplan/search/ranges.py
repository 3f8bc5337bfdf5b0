"""Several values of one option: ``1,2,4``, ``1..16``, ``8..64+8``, ``256..4096*2``, or a list in Python and TOML."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from llmplan.errors import BadInputError
from llmplan.requests import option_name

SYNTAX = "N, N,N, A..B, A..B+STEP or A..B*FACTOR"
_RANGE = re.compile(r"\s*(?P<first>[^.]+?)\s*\.\.\s*(?P<last>[^+*]+?)\s*(?:(?P<kind>[+*])\s*(?P<by>.+?)\s*)?$")
_MOST = 100_000
"""Values of one option; a range beyond is a slip."""


def several(
    value: Any, name: str, convert: Callable[[Any, str], Any], counts: Callable[[int], bool] = lambda _: True
) -> tuple[Any, ...]:
    """Each value checked as the option checks one, in order, none twice; of ``A..B`` those that count."""
    found = dict.fromkeys(one for part in _parts(value) for one in _expanded(part, name, convert, counts))
    if not found:
        raise BadInputError(f"{option_name(name)}: {value!r} holds no value; give {SYNTAX}")
    try:
        return tuple(sorted(found))
    except TypeError:  # words have no order of their own
        return tuple(found)


def _parts(value: Any) -> Iterable[Any]:
    if isinstance(value, str):
        return value.split(",")
    return value if isinstance(value, Iterable) else (value,)


def _expanded(part: Any, name: str, convert: Callable[[Any, str], Any], counts: Callable[[int], bool]) -> Iterator[Any]:
    found = _RANGE.match(part) if isinstance(part, str) else None
    if found is None:
        yield convert(part.strip() if isinstance(part, str) else part, name)
        return
    first, last = convert(found["first"], name), convert(found["last"], name)
    if type(first) is not int or type(last) is not int:
        raise BadInputError(f"{option_name(name)}: {part!r}: only whole numbers have ranges; list the values")
    if first > last:
        raise BadInputError(f"{option_name(name)}: {part!r} ends before it begins; {last}..{first} would be a range")
    of_range = _progression(part, name, first, last, found["kind"], found["by"])
    yield from filter(counts, of_range) if found["kind"] is None else of_range


def _progression(part: str, name: str, first: int, last: int, kind: str | None, by: str | None) -> Iterator[int]:
    least = 2 if kind == "*" else 1
    step = int(by) if by is not None and by.isdigit() else least
    if (by is not None and not by.isdigit()) or step < least or (kind == "*" and first == 0):
        raise BadInputError(f"{option_name(name)}: {part!r} is no range; give {SYNTAX}")
    value, many = first, 0
    while value <= last:
        many += 1
        if many > _MOST:
            raise BadInputError(f"{option_name(name)}: {part!r} has more than {_MOST:,} values; take larger steps")
        yield value
        value = value * step if kind == "*" else value + (step if kind == "+" else 1)
