"""An exporter that ends the process over a comparison."""

from __future__ import annotations

import sys

from llmplan import hookimpl
from llmplan.estimate import Exporter

ASKS = ("--global-batch", "8,16", "--output", "FOLDER/plan.broken")
SAID = "exporter: broken of exporter-of-comparisons-exits failed: SystemExit: 0"


@hookimpl
def llmplan_exporters():
    leave = {"export": lambda _: b"", "export_comparison": lambda _: sys.exit(0)}
    return [Exporter(name="broken", suffix=".broken", **leave)]
