"""Validators of the records' fields. They name the field, the value and what would be right."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from sys import float_info
from typing import Any

from llmplan.errors import BadInputError, shown

_LEAST_FRACTION = 1e-9
_DIGITS = 18
_NAME = re.compile(r"[a-z0-9]+([.-][a-z0-9]+)*")


def lookup_name(_record: Any, field: Any, value: Any) -> None:
    """A name that the registry can look up: lower-case words joined by dashes or dots."""
    check_name(value, field.name)


def check_name(value: Any, field_name: str = "name") -> None:
    """The same, for a record that is no attrs class."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise BadInputError(f"{field_name}: {shown(value)} is not a lower-case name like my-gpu-80gb")


def _is_number(value: Any) -> bool:
    return (
        isinstance(value, (int, float)) and not isinstance(value, bool) and -float_info.max <= value <= float_info.max
    )


def positive(record: Any, field: Any, value: Any) -> None:
    """Check that a value is a finite number above zero."""
    if not _is_number(value) or value <= 0:
        raise BadInputError(f"{_of(record)}{field.name}: {shown(value)} is not a positive number")


def not_negative(record: Any, field: Any, value: Any) -> None:
    """A finite number of at least zero."""
    if not _is_number(value) or value < 0:
        raise BadInputError(f"{_of(record)}{field.name}: {shown(value)} is not a number of at least 0")


def whole(record: Any, field: Any, value: Any) -> None:
    """A whole number of at least 1."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise BadInputError(f"{_of(record)}{field.name}: {shown(value)} is not a whole number of at least 1")


def count(record: Any, field: Any, value: Any) -> None:
    """A whole number of at least 0."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise BadInputError(f"{_of(record)}{field.name}: {shown(value)} is not a whole number of at least 0")


def fraction(record: Any, field: Any, value: Any) -> None:
    """A number above 0 and at most 1; nothing reaches less than a billionth."""
    if not _is_number(value) or not 0 < value <= 1:
        raise BadInputError(f"{_of(record)}{field.name}: {shown(value)} is not a fraction above 0 and at most 1")
    if value < _LEAST_FRACTION:
        raise BadInputError(f"{_of(record)}{field.name}: {value:g} is not a fraction of at least {_LEAST_FRACTION:g}")


def fraction_or_none(record: Any, field: Any, value: Any) -> None:
    """A number from 0 to 1."""
    if not _is_number(value) or not 0 <= value <= 1:
        raise BadInputError(f"{_of(record)}{field.name}: {shown(value)} is not a fraction from 0 to 1")


def positive_values(record: Any, field: Any, value: Any) -> None:
    """A mapping whose values are finite numbers above zero."""
    if not isinstance(value, Mapping):
        raise BadInputError(f"{_of(record)}{field.name}: {shown(value)} is not a table of positive numbers")
    for key, number in value.items():
        if not _is_number(number) or number <= 0:
            raise BadInputError(f"{_of(record)}{field.name}.{key}: {shown(number)} is not a positive number")


def of_sizes(record: Any, field: Any, value: Mapping[Any, Any]) -> None:
    """A mapping by numbers of devices."""
    for key in value:
        if not (str(key).isdecimal() and int(str(key)[:_DIGITS]) > 0):
            raise BadInputError(f"{_of(record)}{field.name}: {shown(key)} is not a number of devices")


def not_empty(record: Any, field: Any, value: Any) -> None:
    """Check that a mapping holds something."""
    if not value:
        raise BadInputError(f"{_of(record)}{field.name}: is empty")


def one_of(*options: str | int) -> Callable[[Any, Any, Any], None]:
    """One of the words or numbers given."""

    def check(record: Any, field: Any, value: Any) -> None:
        if value not in options:
            raise BadInputError(f"{_of(record)}{field.name}: {shown(value)} is none of {', '.join(map(str, options))}")

    return check


def words_of(*options: str) -> Callable[[Any, Any, Any], None]:
    """A tuple of any of the words given."""

    def check(record: Any, field: Any, value: Any) -> None:
        if not isinstance(value, tuple) or not set(value) <= set(options):
            raise BadInputError(f"{_of(record)}{field.name}: {shown(value)} is not a tuple out of {', '.join(options)}")

    return check


def _of(record: Any) -> str:
    name = getattr(record, "name", None)
    return f"{name}: " if isinstance(name, str) else ""
