"""What is given, made the value of an option: a number, a word, a time; else one line that says what would do."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from math import inf
from typing import Any

from llmplan.errors import BadInputError, shown
from llmplan.units import parse_number

_LARGEST = 1e27
"""Beyond any plan; products of such numbers stay finite."""
_MOST = 10**12
"""Of anything that is counted: more than all accelerators, sequences of a run, or tokens of a sequence."""
_LEAST_FRACTION = 1e-9
_WIDEST_BITS = 64
_LONGEST_TEXT = 4_096
"""Letters of a name or path."""
_EVEN, _SUREST = 0.5, 0.99
_SECONDS_OF = {
    unit: seconds
    for units, seconds in (
        ("ms", 1e-3),
        ("s sec secs second seconds", 1.0),
        ("m min mins minute minutes", 60.0),
        ("h hr hrs hour hours", 3600.0),
        ("d day days", 86_400.0),
        ("w wk week weeks", 604_800.0),
    )
    for unit in units.split()
}
_TIMES = r"([-+]?\d[\d._]*(?:[eE][-+]?\d+)?)\s*([a-z]+)\s*"
_PER_SECOND = ("rps", "qps", "req")
"""Of requests, where nothing else is said."""
_CURRENCIES = r"[$\u20ac\u00a3\u00a5]|\b(?:usd|eur|gbp|dollars?|euros?)\b|(?:/|\bper\b)\s*(?:gpu[- ]?)?h(?:ou)?r?\b"
_FORMAT = r"(?:[a-z]+)?(\d+)(?:[ -]?bits?|_[a-z0-9]+)?"
_PATH = re.compile(r"[/\\]|\.[a-z]{2,}$", re.IGNORECASE)
_WORDS = {"true": True, "yes": True, "false": False, "no": False}


def option_name(field_name: str) -> str:
    """The field as people write it: ``micro_batch`` -> ``micro-batch``."""
    return field_name.replace("_", "-")


def refuse(name: str, value: Any, wanted: str) -> BadInputError:
    """The line that names the option, the value and what would be right."""
    return BadInputError(f"{option_name(name)}: {shown(value)} is not {wanted}")


def as_float(value: Any, name: str, wanted: str) -> float:
    """A number, like 3, 1e9 or 4M."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise refuse(name, value, wanted)
    try:
        number = parse_number(value) if isinstance(value, str) else float(value)
    except (ValueError, OverflowError):
        raise refuse(name, value, wanted) from None
    if not abs(number) <= _LARGEST:
        raise refuse(name, value, wanted)
    return number


def as_whole(
    smallest: int, largest: int | None = None, or_else: str = "", most: int = _MOST
) -> Callable[[Any, str], int]:
    """Of that size at least, and at most: what is beyond any plan is a slip of the pen."""
    wanted = f"a whole number of at least {smallest}" if largest is None else f"a whole number, {smallest} to {largest}"
    wanted += or_else and f", or {or_else}"
    most = most if largest is None else largest

    def convert(value: Any, name: str) -> int:
        if type(value) is int and smallest <= value <= most:
            return value
        number = as_float(value, name, wanted)
        if number != int(number) or number < smallest or (largest is not None and number > largest):
            raise refuse(name, value, wanted)
        if number > most:
            raise refuse(name, value, f"a whole number of at most {most:,}")
        return int(number)

    return convert


as_size = as_whole(1, most=10_000_000)
"""Accelerators, or micro-batches: a space of more could not be listed."""


def as_positive_like(example: str) -> Callable[[Any, str], float]:
    """A number above 0; the example is of what the option takes."""
    wanted = f"a positive number, like {example}"

    def convert(value: Any, name: str) -> float:
        number = as_float(value, name, wanted)
        if number <= 0:
            raise refuse(name, value, wanted)
        return number

    return convert


as_positive = as_positive_like("1.4e12 or 1.4T")
"""A number above 0, a large one."""


def as_positive_in(*units: str) -> Callable[[Any, str], float]:
    """The same of an amount that the option's name has the unit of, which people write all the same."""

    def convert(value: Any, name: str) -> float:
        text = value.strip().lower() if isinstance(value, str) else ""
        unit = next((unit for unit in units if text.endswith(unit.lower())), None)
        return as_positive_like(f"8 or 8{units[0]}")(value if unit is None else text.removesuffix(unit.lower()), name)

    return convert


def as_bits(value: Any, name: str) -> float:
    """A width of numbers, or a format of that width: 8, 8bit or fp8."""
    wanted = "a number of bits, above 0 and at most 64"
    found = re.fullmatch(_FORMAT, value.strip().lower()) if isinstance(value, str) else None
    number = as_float(value if found is None else found[1], name, wanted)
    if not 0 < number <= _WIDEST_BITS:
        raise refuse(name, value, wanted)
    return number


def as_not_negative(value: Any, name: str) -> float:
    """Convert to a number of at least 0."""
    number = as_float(value, name, wanted := "a number of at least 0")
    if number < 0:
        raise refuse(name, value, wanted)
    return number


def as_money(convert: Callable[[Any, str], float]) -> Callable[[Any, str], float]:
    """The same of an amount of whatever currency: 2.5, $2.5, 2.5 USD or $2.5/h."""

    def without_currency(value: Any, name: str) -> float:
        plain = re.sub(_CURRENCIES, " ", value.lower()) if isinstance(value, str) else value
        return convert(value if isinstance(value, str) and plain == value.lower() else plain, name)

    return without_currency


def _of_one(value: Any, name: str, wanted: str) -> float:
    """A share, as a fraction or in percent."""
    if isinstance(value, str) and value.rstrip().endswith("%"):
        return as_float(value.rstrip()[:-1], name, wanted) / 100.0
    return as_float(value, name, wanted)


def as_fraction(value: Any, name: str) -> float:
    """Above 0, to 1; nothing reaches less than a billionth."""
    number = _of_one(value, name, wanted := "a fraction above 0 and at most 1")
    if not 0 < number <= 1:
        raise refuse(name, value, wanted)
    if number < _LEAST_FRACTION:
        raise refuse(name, value, f"a fraction of at least {_LEAST_FRACTION:g}")
    return number


def as_flag(value: Any, name: str) -> bool:
    """True or false, in words too."""
    if isinstance(value, str):
        value = _WORDS.get(value.lower(), value)
    if not isinstance(value, bool):
        raise refuse(name, value, "true or false")
    return value


def as_text(value: Any, name: str) -> str:
    """Convert to a text, which has to say something."""
    if not isinstance(value, str) or not value.strip() or "\0" in value or len(value) > _LONGEST_TEXT:
        raise refuse(name, value, "a name")
    return value.strip()


def as_whole_or_file(value: Any, name: str) -> int | str:
    """A whole number, or the path of a file, which has folders or an ending."""
    is_path = isinstance(value, str) and _PATH.search(value)
    return as_text(value, name) if is_path else as_whole(1, or_else="a file")(value, name)


def as_record_or_name(value: Any, name: str) -> Any:
    """A record stays what it is."""
    return as_text(value, name) if isinstance(value, str) else value


def as_word(words: Mapping[str, Any]) -> Callable[[Any, str], Any]:
    """One of the words, or what it stands for."""

    def convert(value: Any, name: str) -> Any:
        if isinstance(value, str) and value in words:
            return words[value]
        for meaning in words.values():
            if value is meaning:
                return meaning
        raise refuse(name, value, f"one of {', '.join(words)}")

    return convert


def as_share(value: Any, name: str) -> float:
    """Convert to a share of at least 0 and below 1."""
    number = _of_one(value, name, wanted := "a fraction of at least 0 and below 1")
    if not 0 <= number < 1:
        raise refuse(name, value, wanted)
    return number


def as_part(value: Any, name: str) -> float:
    """Convert to a share from 0 to 1, both included."""
    number = _of_one(value, name, wanted := "a fraction from 0 to 1")
    if not 0 <= number <= 1:
        raise refuse(name, value, wanted)
    return number


def as_confidence(value: Any, name: str) -> float:
    """From even odds to all but certain."""
    number = _of_one(value, name, wanted := f"a confidence from {_EVEN:g} to {_SUREST:g}")
    if not _EVEN <= number <= _SUREST:
        raise refuse(name, value, wanted)
    return number


def as_auto_or_whole(value: Any, name: str) -> int | str:
    """Convert to a whole number, or leave the word ``auto`` as it is."""
    return "auto" if value == "auto" else as_whole(1, or_else="auto")(value, name)


def as_at_least_one(value: Any, name: str) -> float:
    """A factor that only makes more."""
    number = as_float(value, name, wanted := "a number of at least 1")
    if number < 1:
        raise refuse(name, value, wanted)
    return number


def as_seconds(convert: Callable[[Any, str], float], wanted: str) -> Callable[[Any, str], float]:
    """The same of a time: ``1800``, ``30m``, ``1h30m`` or ``21 days``; m are minutes, where M stays a million."""

    def in_seconds(value: Any, name: str) -> float:
        text = value.strip() if isinstance(value, str) else ""
        parts = list(re.finditer(_TIMES, text))
        whole = parts and "".join(part[0] for part in parts) == text and all(part[2] in _SECONDS_OF for part in parts)
        try:
            return convert(sum(float(part[1]) * _SECONDS_OF[part[2]] for part in parts) if whole else value, name)
        except ValueError:  # and BadInputError, which is one
            raise refuse(name, value, wanted) from None

    return in_seconds


def as_positive_seconds(example: str) -> Callable[[Any, str], float]:
    """A time above 0; the example is one."""
    return as_seconds(as_positive, f"a positive time, like {example}")


def as_latency(example: str, most: float = inf) -> Callable[[Any, str], float]:
    """A time above 0, with its unit where it is text: 40 milliseconds and 40 seconds are both written 40."""
    convert = as_positive_seconds(example)

    def in_seconds(value: Any, name: str) -> float:
        if isinstance(value, str) and value.strip()[-1:].isdigit():
            raise refuse(name, value, f"a time with its unit, like {example}")
        seconds = convert(value, name)
        if seconds > most:
            raise refuse(name, value, f"a time of {most:g} s at most, like {example}")
        return seconds

    return in_seconds


def as_rate(value: Any, name: str) -> float:
    """Convert a rate like ``90/min`` to requests a second."""
    wanted = "a rate like 2/s, 90/min or 5000/h"
    number, slash, unit = value.partition("/") if isinstance(value, str) else (value, "", "s")
    if isinstance(value, str):
        number, unit = _without(number, _PER_SECOND), unit.strip() if slash else "s"
    try:
        return as_positive(number, name) / _SECONDS_OF[unit]
    except (BadInputError, KeyError):
        raise refuse(name, value, wanted) from None


def _without(text: str, words: tuple[str, ...]) -> str:
    return next((text.strip().removesuffix(word) for word in words if text.strip().endswith(word)), text)
