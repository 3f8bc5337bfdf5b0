"""What a comparison varies: options with several values, each alone or some of them together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

from llmplan.errors import BadInputError
from llmplan.request import option_name, options_of
from llmplan.request.ranges import MOST_VALUES, is_several, values, words

if TYPE_CHECKING:
    from llmplan.request import PlanRequest

_TOGETHER = "+"
"""Between options that change together, and between their values."""


class Change(NamedTuple):
    """Options that change together, usually one, and the values that they take in turn."""

    options: tuple[str, ...]
    steps: tuple[tuple[Any, ...], ...]


def several(request: type[Any], option: str, value: Any) -> tuple[Any, ...] | None:
    """Each value where an option is given a list, or the text of a list or range; None where it is given one value."""
    metadata = options_of(request).get(option)
    if metadata is not None and metadata["listed"]:
        return None
    if isinstance(value, (list, tuple, range)):
        if not value:
            raise BadInputError(f"{option_name(option)}: no value to compare")
        return tuple(value)
    if metadata is None or not isinstance(value, str):
        return None
    if metadata["word"]:
        return words(value, option_name(option)) if "," in value else None
    return values(value, option_name(option), doubling=not metadata["every"]) if is_several(value) else None


def read_changes(
    request: type[PlanRequest], changes: Mapping[str, Any], options: Mapping[str, Any]
) -> tuple[tuple[Change, ...], dict[str, Any]]:
    """What varies, and the options that stay the same.

    `changes` are what has to be compared, several options together where their names are joined by ``+``;
    of `options` those with several values.
    """
    listed = {name: several(request, name, value) for name, value in options.items()}
    found = [_change(request, name, value) for name, value in changes.items()]
    found += [Change((name,), tuple((one,) for one in given)) for name, given in listed.items() if given is not None]
    same = {name: value for name, value in options.items() if listed[name] is None}
    names = [*same, *(name for change in found for name in change.options)]
    for name in names:
        if names.count(name) > 1:
            raise BadInputError(f"compare: {option_name(name)} is given twice")
    return tuple(found), same


def combinations(changes: tuple[Change, ...]) -> Iterator[dict[str, Any]]:
    """Every combination, the last change running fastest; BadInputError where there are too many."""
    plans = 1
    for change in changes:
        plans *= len(change.steps)
    if plans > MOST_VALUES:
        raise BadInputError(f"compare: {plans:,} plans are more than the {MOST_VALUES:,} that one table compares")
    for steps in product(*(change.steps for change in changes)):
        yield {
            name: value
            for change, step in zip(changes, steps, strict=True)
            for name, value in zip(change.options, step, strict=True)
        }


def options_in(request: type[PlanRequest], joined: str) -> tuple[str, ...]:
    """The options that a name like ``gpu+price-per-gpu-hour`` joins."""
    known = options_of(request)
    names = tuple(part.strip().replace("-", "_") for part in joined.split(_TOGETHER))
    for name in names:
        if name not in known:
            raise BadInputError(f"compare: {option_name(name)!r} is not an option{_near(name, known)}")
    return names


def _near(name: str, known: Mapping[str, Any]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, known, n=1)
    return f"; did you mean {option_name(near[0])}?" if near else ""


def _change(request: type[PlanRequest], joined: str, value: Any) -> Change:
    options = options_in(request, joined)
    if len(options) == 1:
        given = several(request, options[0], value)
        return Change(options, tuple((one,) for one in ((value,) if given is None else given)))
    steps = words(value, f"compare: {joined}") if isinstance(value, str) else tuple(value)
    if not steps:
        raise BadInputError(f"compare: {joined}: no value to compare")
    return Change(options, tuple(_step(joined, options, step) for step in steps))


def _step(joined: str, options: tuple[str, ...], step: Any) -> tuple[Any, ...]:
    parts = tuple(step.split(_TOGETHER)) if isinstance(step, str) else tuple(step)
    if len(parts) != len(options):
        raise BadInputError(f"compare: {joined}: {step!r} is not {len(options)} values joined by {_TOGETHER}")
    return parts
