"""A launcher's words as data: which of its keys says which option of a plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import frozen

from llmplan.errors import BadInputError, shown
from llmplan.request import option_name

_LARGEST = 1e18
"""Of a number that a file may hold."""


@frozen(eq=False, repr=False)
class Entry:
    """A key of a launcher and the option that it says."""

    key: str
    option: str
    values: Mapping[Any, Any] | None = None
    """The launcher's word for each value of the option; None where both write the same number."""
    default: Any = None
    """The option's value where the file has no such key; None where that leaves it open."""
    quiet: bool = False
    """Not written where the value is the default."""


_WORDS_OF_OURS = {"world": "tp", "together": "dp", "longest": "prompt_tokens", "context": "prompt_tokens"}
"""The options of a plan behind what a server is given."""


def called(*entries: Entry, **further: str) -> dict[str, str]:
    """What a launcher's options are called here, without what no option says; `further` are what its tables lack."""
    keys = {entry.key.rpartition(".")[2]: entry.option for entry in entries if entry.option != "iterations"}
    return {key: _WORDS_OF_OURS.get(option, option) for key, option in {**keys, **further}.items()}


def said(launcher: str, entries: Iterable[Entry], settings: Mapping[str, Any]) -> dict[str, Any]:
    """The launcher's keys for what a plan says; BadInputError where it has no word for a value."""
    keys: dict[str, Any] = {}
    for entry in entries:
        value = settings.get(entry.option)
        if value is None or (entry.quiet and value == entry.default):
            continue
        if entry.values is not None and value not in entry.values:
            has = ", ".join(map(str, entry.values))
            raise BadInputError(f"{launcher}: {option_name(entry.option)} {value}: {launcher} has {has}")
        keys[entry.key] = value if entry.values is None else entry.values[value]
    return keys


def understood(entries: Iterable[Entry], found: dict[str, Any]) -> dict[str, Any]:
    """The options that a file's keys say, each taken out of `found`; a key with a strange value stays there."""
    options: dict[str, Any] = {}
    for entry in entries:
        if entry.key not in found:
            if entry.default is not None:
                options.setdefault(entry.option, entry.default)
            continue
        value = _meant(entry, found[entry.key])
        if value is not None:
            options[entry.option] = value
            del found[entry.key]
        elif entry.default is not None:
            options.setdefault(entry.option, entry.default)
    return options


def _meant(entry: Entry, value: Any) -> Any:
    if entry.values is not None:
        return next((option for option, word in entry.values.items() if word == value), None)
    number = as_number(value)
    return number if entry.default is None or number is None or number >= min(entry.default, 1) else None


def as_number(value: Any) -> int | float | None:
    """A number that a file writes as such or as text; None for anything else, and for what is beyond any plan."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    if not abs(number) <= _LARGEST:
        return None
    return int(number) if number == int(number) else number


def whole(launcher: str, table: dict[str, Any], key: str, default: int) -> int:
    """Takes a whole number out of a table; BadInputError where something else stands there."""
    value = table.pop(key, default)
    number = as_number(value)
    if not isinstance(number, int) or isinstance(value, str):
        raise BadInputError(f"{launcher}: {key}: {shown(value)} is not a whole number")
    return number


def table(launcher: str, found: dict[str, Any], key: str) -> dict[str, Any]:
    """Takes a table out of a file, empty where there is none; BadInputError where something else stands there."""
    value = found.pop(key, {})
    if not isinstance(value, dict):
        raise BadInputError(f"{launcher}: {key}: {shown(value)} is not a table")
    return dict(value)


def left_over(found: Iterable[str]) -> tuple[str, ...]:
    """The one remark about what was not understood."""
    words = ", ".join(found)
    return (f"not understood, and left out: {words}",) if words else ()
