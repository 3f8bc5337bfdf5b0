"""A set of published figures that returns nothing."""

from __future__ import annotations

from llmplan import hookimpl
from llmplan.records import ValidationSet

ASKS = ("validate", "broken")
SAID = "validation set: broken of validation-rows-none"


@hookimpl
def llmplan_validation_sets():
    return [ValidationSet(name="broken", description="", rows=lambda: None)]
