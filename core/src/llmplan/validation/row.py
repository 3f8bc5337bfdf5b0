"""A row of a table of training measurements as a published figure."""

from __future__ import annotations

from llmplan.errors import BadInputError
from llmplan.records import ValidationRow
from llmplan.validation.cells import Cells, number, text
from llmplan.validation.metrics import prediction
from llmplan.validation.models import VOCABULARY_WHERE_NOT_STATED
from llmplan.validation.options import options_of_row

_NO_SOURCE = "measured"


def training_row(cells: Cells) -> ValidationRow:
    """BadInputError where a cell cannot be read."""
    measured = number(cells, "measured_value")
    if measured is None:
        raise BadInputError("measured_value: empty")
    source = text(cells, "source") or _NO_SOURCE
    return ValidationRow(
        id=text(cells, "id"),
        table=source,
        metric=text(cells, "measured_metric"),
        command="train",
        options=options_of_row(cells),
        measured=measured,
        predict=prediction(cells),
        shown=float,
        note="" if text(cells, "vocab") else f"vocab not stated: {VOCABULARY_WHERE_NOT_STATED:,}, GPT-2's",
        source=source,
        provenance=text(cells, "provenance"),
    )
