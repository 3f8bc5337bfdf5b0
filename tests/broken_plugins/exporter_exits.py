"""An exporter that ends the process."""

from __future__ import annotations

import sys

from llmplan import hookimpl
from llmplan.estimate import Exporter

ASKS = ("--output", "FOLDER/plan.broken")
SAID = "exporter: broken of exporter-exits failed: SystemExit: 0 (exporter_exits.py"


@hookimpl
def llmplan_exporters():
    return [Exporter(name="broken", suffix=".broken", export=lambda _: sys.exit(0))]
