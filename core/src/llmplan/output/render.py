"""What the reporters of the core print."""

from __future__ import annotations

import json

from llmplan.estimate import Comparison, Estimate
from llmplan.output.document import document


def as_json(estimate: Estimate) -> str:
    """The JSON contract, on one object of indented lines."""
    return json.dumps(document(estimate), indent=2) + "\n"


def as_table(estimate: Estimate) -> str:
    """The report, as wide as the terminal, in colour where the terminal has it."""
    from llmplan.output.report import report

    return report(estimate)


def comparison_as_json(comparison: Comparison) -> str:
    """The JSON contract of several plans."""
    from llmplan.output.comparison import comparison_document

    return json.dumps(comparison_document(comparison), indent=2) + "\n"


def comparison_as_table(comparison: Comparison) -> str:
    """A line a plan, as wide as the terminal."""
    from llmplan.output.comparison_report import comparison_report

    return comparison_report(comparison)
