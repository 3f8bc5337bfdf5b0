"""An exporter for an ending that is taken."""

from __future__ import annotations

from llmplan import hookimpl
from llmplan.estimate import Exporter

ASKS = ("--output", "FOLDER/plan.md")
CODE = 0
SAID = "output: .md is written by llmplan-report; exporter-of-md:"


@hookimpl
def llmplan_exporters():
    return [Exporter(name="broken", suffix=".md", export=lambda _: b"mine")]
