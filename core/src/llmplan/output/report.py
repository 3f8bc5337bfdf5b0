"""The report for people: the plan, what was assumed, where time and memory go, totals, warnings."""

from __future__ import annotations

import io

from rich.console import Console

from llmplan.estimate import Estimate, ServerEstimate, TrainingEstimate
from llmplan.output.console import rendered
from llmplan.output.inference_report import inference_report
from llmplan.output.server_report import server_report
from llmplan.output.training_report import training_report


def report(estimate: Estimate, width: int | None = None) -> str:
    """As wide as the terminal, or of the given width and plain, for a file."""
    console = Console(highlight=False) if width is None else Console(file=io.StringIO(), width=width, highlight=False)
    if isinstance(estimate, TrainingEstimate):
        return rendered(console, training_report(estimate, console))
    if isinstance(estimate, ServerEstimate):
        return rendered(console, server_report(estimate, console))
    return rendered(console, inference_report(estimate, console))
