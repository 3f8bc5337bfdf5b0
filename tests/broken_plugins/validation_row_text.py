"""A published figure whose prediction is a text."""

from __future__ import annotations

from llmplan import hookimpl
from llmplan.records import ValidationRow, ValidationSet

ASKS = ("validate", "broken")
SAID = "validation set: broken of validation-row-text"


def rows():
    options = {"model": "llama-7b", "gpu": "a100-sxm-80gb", "gpus": 8, "tp": 1, "pp": 1}
    same = {"id": "one", "table": "one", "metric": "time", "command": "train", "options": options, "measured": 1.0}
    return [ValidationRow(**{**same, "predict": lambda _: "fast"}, shown=float)]


@hookimpl
def llmplan_validation_sets():
    return [ValidationSet(name="broken", description="", rows=rows)]
