"""An exporter that ends the process where it should say what it lacks."""

from __future__ import annotations

import sys

from llmplan import hookimpl
from llmplan.estimate import Exporter

ASKS = ("--output", "FOLDER/plan.broken")
SAID = "exporter: broken of exporter-check-exits failed: SystemExit: 0 (exporter_check_exits.py"


@hookimpl
def llmplan_exporters():
    return [Exporter(name="broken", suffix=".broken", export=lambda _: b"", check=lambda: sys.exit(0))]
