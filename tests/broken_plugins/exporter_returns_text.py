"""An exporter that forgets to encode."""

from __future__ import annotations

from llmplan import hookimpl
from llmplan.estimate import Exporter

ASKS = ("--output", "FOLDER/plan.broken")
CODE = 1
SAID = "exporter: broken of exporter-returns-text returned a str, not bytes"


@hookimpl
def llmplan_exporters():
    return [Exporter(name="broken", suffix=".broken", export=lambda _: "text")]
