"""The file formats of the core."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from llmplan.estimate import Comparison, Estimate
from llmplan.output.document import document
from llmplan.output.render import as_json, comparison_as_json

_WIDE = 250
"""Of a file with a line for each plan, which nobody reads on a terminal."""


def to_json(estimate: Estimate) -> bytes:
    """The JSON contract."""
    return as_json(estimate).encode()


def to_csv(estimate: Estimate) -> bytes:
    """Two columns: the path of a figure in the JSON contract, and its value."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("figure", "value"))
    writer.writerows(figures(document(estimate)))
    return text.getvalue().encode()


def to_markdown(estimate: Estimate) -> bytes:
    """The same two columns as a table."""
    lines = ["| figure | value |", "| --- | --- |"]
    lines += [f"| {path} | {escaped(value)} |" for path, value in figures(document(estimate))]
    return ("\n".join(lines) + "\n").encode()


def to_text(estimate: Estimate) -> bytes:
    """The report, 100 columns wide, without colour."""
    from llmplan.output.report import report

    return report(estimate, width=100).encode()


def comparison_to_json(comparison: Comparison) -> bytes:
    """The JSON contract of several plans."""
    return comparison_as_json(comparison).encode()


def comparison_to_csv(comparison: Comparison) -> bytes:
    """A line a plan, a column for each figure of the JSON contract."""
    from llmplan.output.comparison import rows

    lines = [dict(figures(row)) for row in rows(comparison)]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(head for line in lines for head in line)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue().encode()


def comparison_to_markdown(comparison: Comparison) -> bytes:
    """The table for people."""
    from llmplan.output.columns import columns
    from llmplan.output.comparison import rows

    plans = rows(comparison)
    shown = columns(comparison.varied, plans)
    lines = [
        [column.heading for column in shown],
        ["---:" if column.right else "---" for column in shown],
        *([column.text(row) for column in shown] for row in plans),
    ]
    return "".join(f"| {' | '.join(escaped(cell) for cell in line)} |\n" for line in lines).encode()


def comparison_to_text(comparison: Comparison) -> bytes:
    """The table for people, without colour."""
    from llmplan.output.comparison_report import comparison_report

    return comparison_report(comparison, width=_WIDE).encode()


def figures(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Each figure with its path: ``layout.tp``, ``warnings.0``."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from figures(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from figures(inner, f"{path}.{index}")
    else:
        yield path, "" if value is None else value


def escaped(value: Any) -> str:
    """A cell of a Markdown table."""
    return str(value).replace("|", "\\|")
