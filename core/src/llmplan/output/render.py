"""What the reporters of the core print."""

from __future__ import annotations

import json

from llmplan.output.document import document
from llmplan.records import Estimate


def as_json(estimate: Estimate) -> str:
    """The JSON contract, on one object of indented lines."""
    return json.dumps(document(estimate), indent=2) + "\n"


def as_table(estimate: Estimate) -> str:
    """The report, as wide as the terminal, in colour where the terminal has it."""
    from llmplan.output.report import report

    return report(estimate)
