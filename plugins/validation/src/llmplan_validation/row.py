"""A row of a table of measurements as a published figure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from llmplan.errors import BadInputError
from llmplan.records import ValidationRow
from llmplan_validation.cells import Cells, number, text
from llmplan_validation.metrics import prediction
from llmplan_validation.models import VOCABULARY_WHERE_NOT_STATED
from llmplan_validation.options import options_of_row
from llmplan_validation.serving_metrics import serving_prediction
from llmplan_validation.serving_options import serving_options_of_row

_NO_SOURCE = "measured"


def training_row(cells: Cells) -> ValidationRow:
    """A figure of a training run; BadInputError where a cell cannot be read."""
    return _row(cells, "train", options_of_row(cells), prediction(cells))


def serving_row(cells: Cells) -> ValidationRow:
    """A figure of an inference engine; BadInputError where a cell cannot be read."""
    return _row(cells, "infer", serving_options_of_row(cells), serving_prediction(cells))


READERS: Mapping[str, Callable[[Cells], ValidationRow]] = {"train": training_row, "infer": serving_row}
"""By command."""


def _row(cells: Cells, command: str, options: Mapping[str, Any], predict: Callable[[Any], float]) -> ValidationRow:
    measured = number(cells, "measured_value")
    if measured is None:
        raise BadInputError("measured_value: empty")
    source = text(cells, "source") or _NO_SOURCE
    return ValidationRow(
        id=text(cells, "id"),
        table=source,
        metric=text(cells, "measured_metric"),
        command=command,
        options=options,
        measured=measured,
        predict=predict,
        shown=float,
        note="" if text(cells, "vocab") else f"vocab not stated: {VOCABULARY_WHERE_NOT_STATED:,}, GPT-2's",
        source=source,
        provenance=text(cells, "provenance"),
        grade=text(cells, "quality"),
    )
