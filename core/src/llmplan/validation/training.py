"""Rows of a table as options of ``llmplan train``."""

from __future__ import annotations

from typing import Any

from llmplan.catalogues import registry
from llmplan.errors import BadInputError
from llmplan.records import Recompute, ValidationRow
from llmplan.validation.cells import Cells, flag, number, text, whole
from llmplan.validation.framework import framework_of
from llmplan.validation.hardware import hardware_of
from llmplan.validation.metrics import prediction
from llmplan.validation.model import assumed_of, model_of

_WHOLE = {
    "gpus": "n_gpus",
    "tp": "tp",
    "cp": "cp",
    "pp": "pp",
    "vpp": "vpp",
    "dp": "dp",
    "ep": "ep",
    "micro_batch": "micro_batch",
    "global_batch": "global_batch",
    "seq_len": "seq_len",
}
"""Options and the columns that give them."""
_SELECTIVE = "selective"


def training_row(cells: Cells) -> ValidationRow:
    """BadInputError where a cell cannot be read."""
    measured = number(cells, "measured_value")
    if measured is None:
        raise BadInputError("measured_value: empty")
    return ValidationRow(
        id=text(cells, "id"),
        table=text(cells, "source") or "measured",
        metric=text(cells, "measured_metric"),
        command="train",
        options=options_of(cells),
        measured=measured,
        predict=prediction(cells),
        shown=float,
        note="; ".join(assumed_of(cells)),
        source=text(cells, "source") or "measured",
        provenance=text(cells, "provenance"),
    )


def options_of(cells: Cells) -> dict[str, Any]:
    """Options of ``llmplan train``; what a row leaves empty is left to the planner."""
    hardware = hardware_of(cells)
    frameworks = [framework for _, _, framework in registry().frameworks.entries()]
    options = {
        "model": model_of(cells),
        "gpu": hardware,
        **{option: whole(cells, column) for option, column in _WHOLE.items()},
        "zero": whole(cells, "zero_stage", 0),
        "sequence_parallel": flag(cells, "sp"),
        "tokens": number(cells, "total_tokens"),
        "recompute": _recompute(text(cells, "recompute")),
        "dtype": _dtype(text(cells, "dtype")),
        "framework": framework_of(text(cells, "framework"), frameworks, hardware.architecture),
    }
    return {name: value for name, value in options.items() if value is not None}


def _recompute(value: str) -> str | None:
    """Tables know ``none``, ``selective`` and ``full``."""
    return Recompute.ATTENTION_COMPUTE.label if value.lower() == _SELECTIVE else value.lower() or None


def _dtype(value: str) -> Any:
    return registry().dtypes[value.lower()] if value else None
