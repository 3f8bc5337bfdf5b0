"""A row of a table of measurements as a published figure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from llmplan.errors import BadInputError
from llmplan.records import ValidationRow
from llmplan_validation.cells import Cells, number, text
from llmplan_validation.metrics import prediction
from llmplan_validation.models import VOCABULARY_WHERE_NOT_STATED
from llmplan_validation.options import options_of_row
from llmplan_validation.ranges import spread_of
from llmplan_validation.serving_metrics import serving_prediction
from llmplan_validation.serving_options import serving_options_of_row

_NO_SOURCE = "measured"
_NOT_KNOWN = ("not known, priced as", "that no profile knows")
"""In the description of a program that is priced as another, or as its class."""


def training_row(cells: Cells) -> ValidationRow:
    """A figure of a training run; BadInputError where a cell cannot be read."""
    return _row(cells, "train", options_of_row(cells), prediction(cells))


def serving_row(cells: Cells) -> ValidationRow:
    """A figure of an inference engine; BadInputError where a cell cannot be read."""
    return _row(cells, "infer", serving_options_of_row(cells), serving_prediction(cells))


READERS: Mapping[str, Callable[[Cells], ValidationRow]] = {"train": training_row, "infer": serving_row}
"""By command."""


def _noted(cells: Cells, options: Mapping[str, Any]) -> Iterator[str]:
    """What the row does not say and a reader has to know: the program that stands in for one that no profile knows."""
    if not text(cells, "vocab"):
        yield f"vocab not stated: {VOCABULARY_WHERE_NOT_STATED:,}, GPT-2's"
    for option in ("engine", "framework"):
        described = getattr(options.get(option), "description", "")
        if any(words in described for words in _NOT_KNOWN):
            yield described


def _row(cells: Cells, command: str, options: Mapping[str, Any], predict: Callable[[Any], float]) -> ValidationRow:
    measured = number(cells, "measured_value")
    if measured is None:
        raise BadInputError("measured_value: empty")
    source, metric = text(cells, "source") or _NO_SOURCE, text(cells, "measured_metric")
    return ValidationRow(
        id=text(cells, "id"),
        table=source,
        metric=metric,
        command=command,
        options=options,
        measured=measured,
        predict=predict,
        shown=float,
        spread=partial(spread_of, metric),
        note="; ".join(_noted(cells, options)),
        source=source,
        provenance=text(cells, "provenance"),
        grade=text(cells, "quality"),
    )
