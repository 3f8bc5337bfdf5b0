"""A table in the columns of ``llmplan validate``, as a reader of measured runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from attrs import evolve, frozen

from llmplan.errors import BadInputError
from llmplan.records import ValidationRow
from llmplan_validation.row import READERS
from llmplan_validation.table import rows_of

_OF_SERVING = ("input_len", "output_len")


@frozen
class TableReader:
    """Rows of training, or of serving where the columns are those of serving."""

    name: str = "csv"
    description: str = "a table in the columns of llmplan validate, of training or of serving"

    def recognises(self, text: str) -> bool:
        """Whether a file has the columns of this reader."""
        return {"accelerator", "measured_metric"} <= set(_columns(text))

    def rows(self, path: str, text: str, options: Mapping[str, Any]) -> Iterator[ValidationRow]:
        """Each row with its plan; options of the command line go before what the table says."""
        command = "infer" if all(column in _columns(text) for column in _OF_SERVING) else "train"
        for line, cells in rows_of(path, text, command):
            try:
                row = READERS[command](cells)
            except BadInputError as error:
                raise BadInputError(f"{path}: line {line}: {error}") from error
            yield evolve(row, options={**row.options, **options})


def _columns(text: str) -> list[str]:
    return [cell.strip() for cell in text.partition("\n")[0].split(",")]
