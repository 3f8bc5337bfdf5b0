"""Several values of one option, as people write them: the one place where such text is read.

- ``1,2,4`` is a list; its items may be ranges: ``1,2,4..8``.
- ``2..6`` is every whole number from 2 to 6. Where `doubling` is asked for, it is the powers of two between, and both
  ends: ``1..256`` is 1, 2, 4, … 256 and ``3..20`` is 3, 4, 8, 16, 20.
- ``1..16/s`` is a range of rates: 1/s, 2/s, 4/s and so on.
- ``8..64+8`` counts in steps of 8, ``1..256x4`` (or ``*4``) in factors of 4, from the first; both ends are among them.

Numbers may be written as anywhere else, ``1K..64K``; what is not plain digits stays text, for its option to convert.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeAlias

from llmplan.errors import BadInputError
from llmplan.units import parse_number

Value: TypeAlias = int | str

MOST_VALUES = 10_000
"""Of one option: beyond, a range is a slip of the pen."""
_PLAIN_DIGITS = 15
"""Of a number that is exact as a float."""
_DOTS = ".."
_FACTORS = ("x", "*")
_BY = r"([+x*])"
_WANTED = "a range of whole numbers, like 1..16, 8..64+8 or 1..256x4"


def is_several(text: str) -> bool:
    """Whether the text of a number's option is a list or a range, not one value."""
    return "," in text or _DOTS in text


def values(text: str, name: str, *, doubling: bool = False) -> tuple[Value, ...]:
    """The values that the text stands for, each once, in its order.

    `name` is the option, for messages: BadInputError where an item is empty or a range is none.
    """
    found: dict[Value, None] = {}
    for item in words(text, name):
        for value in _ranged_rates(item, name, doubling=doubling) if _DOTS in item else (_plain(item),):
            found[value] = None
            if len(found) > MOST_VALUES:
                raise BadInputError(f"{name}: {text!r} is more than {MOST_VALUES:,} values")
    return tuple(found)


def words(text: str, name: str) -> tuple[str, ...]:
    """The items of a list, each once: for names, in which two dots may stand as in ``../my-gpu.toml``."""
    items = tuple(dict.fromkeys(item.strip() for item in text.split(",")))
    if "" in items:
        raise BadInputError(f"{name}: {text!r} has an empty item")
    if any(item.isdecimal() and item != "0" and item.startswith("0") for item in items):
        raise BadInputError(f"{name}: {text!r} is a list; {text.replace(',', '_')} is one number")
    return items


def _plain(item: str) -> Value:
    return int(item) if item.isdecimal() and len(item) <= _PLAIN_DIGITS else item


def _ranged_rates(item: str, name: str, *, doubling: bool) -> Iterator[Value]:
    numbers, slash, unit = item.partition("/")
    for number in _ranged(numbers, name, doubling=doubling):
        yield f"{number}/{unit}" if slash else number


def _ranged(item: str, name: str, *, doubling: bool) -> Iterator[int]:
    """The whole numbers of ``first..last``, ``first..last+step`` or ``first..lastxfactor``."""
    start, _, rest = item.partition(_DOTS)
    end, *by = re.split(_BY, rest, maxsplit=1)
    kind, amount = by or ("", "1")
    try:
        first, last, step = _whole(start), _whole(end), _whole(amount)
    except (ValueError, OverflowError):
        raise BadInputError(f"{name}: {item!r} is not {_WANTED}") from None
    if last < first:
        turned = f"{end.strip()}..{start.strip()}"
        raise BadInputError(f"{name}: {item!r} ends below its beginning; {turned} would be a range")
    if step < 1 or (kind in _FACTORS and (step == 1 or first < 1)):
        raise BadInputError(f"{name}: {item!r} is not {_WANTED}")
    if kind in _FACTORS:
        return _multiples(first, last, step)
    return _powers_of_two(first, last) if doubling and not kind else _steps(first, last, step)


def _whole(text: str) -> int:
    number = parse_number(text)
    if number != int(number):
        raise ValueError(text)
    return int(number)


def _steps(first: int, last: int, step: int) -> Iterator[int]:
    yield from range(first, last, step)
    yield last


def _multiples(first: int, last: int, factor: int) -> Iterator[int]:
    value = first
    while value < last:
        yield value
        value *= factor
    yield last


def _powers_of_two(first: int, last: int) -> Iterator[int]:
    """Between the ends, and these: 3, 4, 8, 16, 20."""
    yield first
    power = 1
    while power < last:
        if power > first:
            yield power
        power *= 2
    yield last
