"""A set of published figures that ends the process."""

from __future__ import annotations

import sys

from llmplan import hookimpl
from llmplan.records import ValidationSet

ASKS = ("validate", "broken")
SAID = "validation set: broken of validation-rows-exit failed: SystemExit: 0 (validation_rows_exit.py"


@hookimpl
def llmplan_validation_sets():
    return [ValidationSet(name="broken", description="", rows=lambda: sys.exit(0))]
