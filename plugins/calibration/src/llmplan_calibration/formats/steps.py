"""What logs of training have in common: steps that took a time, or a rate, and what is said of the plan."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from typing import Any

from llmplan.errors import BadInputError
from llmplan.records import ValidationRow

SECONDS, TOKENS = "iteration_time_s", "tokens_per_s_per_gpu"
_PREDICTED: Mapping[str, Callable[[Any], Any]] = {
    SECONDS: lambda estimate: estimate.iteration_seconds,
    TOKENS: lambda estimate: estimate.tokens_per_second_per_gpu,
}
_LARGEST = 1e15
_LONGEST_LINE = 4_096
"""Letters in which patterns are looked for: what they take grows with their square."""
_WARM = 0.2
"""Of a log's steps, those that come first and do not count: kernels are chosen, memory is reserved."""
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def lines_of(text: str) -> list[str]:
    """Without colours; progress bars end their lines as printers did. No program prints lines longer than these."""
    return [line[:_LONGEST_LINE] for line in _COLOURS.sub("", text).replace("\r", "\n").split("\n")]


def steady(values: Sequence[float]) -> float:
    """The median, after the first steps."""
    return median(values[int(len(values) * _WARM) :])


def row_of(
    path: str, metric: str, values: Sequence[float], facts: Mapping[str, Any], given: Mapping[str, Any]
) -> ValidationRow:
    """A log as one measured run; what the command line says goes before what the log does."""
    return ValidationRow(
        id=path,
        table="logs",
        metric=metric,
        command="train",
        options=merged(facts, given),
        measured=steady(values),
        predict=_PREDICTED[metric],
        shown=float,
        spread=lambda estimate: _spread(metric, estimate),
    )


def _spread(metric: str, estimate: Any) -> Any:
    found = estimate.time_spread
    return found.inverted() if found is not None and metric == TOKENS else found


_INSTEAD = ({"gpus", "dp"}, {"global_batch", "global_batch_tokens", "gradient_accumulation"})
"""Options of which one that is given makes the others follow."""


def merged(facts: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Facts of a file, without those that what is given decides."""
    left = dict(facts)
    for alike in _INSTEAD:
        if alike & given.keys():
            left = {name: value for name, value in left.items() if name not in alike}
    return {**left, **given}


def number(text: str) -> float | None:
    """Of digits, points and commas; None of what only looks like a number, or is beyond any run."""
    try:
        found = float(text.replace(",", ""))
    except ValueError:
        return None
    return found if found <= _LARGEST else None


def size(text: str) -> int | None:
    """The same, as a whole number of at least 1."""
    found = number(text)
    return int(found) if found is not None and found >= 1 and found == int(found) else None


def sizes(said: Mapping[str, str]) -> dict[str, int]:
    """By option, those that are whole numbers; what a log says otherwise is left to the command line."""
    return {name: found for name, text in said.items() if (found := size(text)) is not None}


def numbers(lines: Iterable[str], pattern: re.Pattern[str]) -> list[float]:
    """The first group of the pattern, of every line that has it, where it is a number."""
    found = (number(match[1]) for line in lines if (match := pattern.search(line)))
    return [one for one in found if one is not None]


def needed(path: str, values: Sequence[float], what: str) -> Sequence[float]:
    """BadInputError where a log holds none."""
    values = [value for value in values if value > 0]
    if not values:
        raise BadInputError(f"{path}: holds no line with {what}")
    return values
