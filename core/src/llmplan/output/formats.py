"""The core's own formats: of an estimate, a comparison or the result of a search."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from llmplan.output.document import document, rows

if TYPE_CHECKING:
    from llmplan.estimate import Comparison, Estimate

_PAGE, _WIDE = 100, 250
"""Columns of a report in a file, and of a table with a line for each plan, which nobody reads on a terminal."""


def as_json(of: Any) -> str:
    """The JSON contract, on one object of indented lines."""
    return json.dumps(document(of), indent=2) + "\n"


def as_table(estimate: Estimate) -> str:
    """The report, as wide as the terminal, in colour where the terminal has it."""
    from llmplan.output.report import report

    return report(estimate)


def comparison_as_table(comparison: Comparison) -> str:
    """A line a plan, as wide as the terminal."""
    from llmplan.output.comparison_report import comparison_report

    return comparison_report(comparison)


def search_as_table(result: Any) -> str:
    """The best plans and why they are, as wide as the terminal."""
    from llmplan.output.search_report import search_report

    return search_report(result)


def to_json(of: Any) -> bytes:
    """The bytes of what ``--json`` prints."""
    return as_json(of).encode()


def to_csv(of: Any) -> bytes:
    """Two columns: the path of a figure in the JSON contract, and its value."""
    import csv
    import io

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("figure", "value"))
    writer.writerows((path, plain_cell(value)) for path, value in paths(document(of)))
    return text.getvalue().encode()


def to_markdown(of: Any) -> bytes:
    """The same two columns as a table."""
    from llmplan.output.table import escaped

    lines = ["| figure | value |", "| --- | --- |"]
    lines += [f"| {escaped(path)} | {escaped(value)} |" for path, value in paths(document(of))]
    return ("\n".join(lines) + "\n").encode()


def to_text(estimate: Estimate) -> bytes:
    """The report, 100 columns wide, without colour, with the sources of what was assumed."""
    from llmplan.output.report import report

    return report(estimate, width=_PAGE, sources=True).encode()


def comparison_to_csv(comparison: Comparison) -> bytes:
    """A line a plan, a column for each figure of the JSON contract."""
    import csv
    import io

    lines = [{path: plain_cell(value) for path, value in paths(row)} for row in rows(comparison)]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(head for line in lines for head in line)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue().encode()


def comparison_to_markdown(comparison: Comparison) -> bytes:
    """The table for people as Markdown."""
    from llmplan.output.comparison_report import columns
    from llmplan.output.table import markdown_table

    plans = rows(comparison)
    return ("\n".join(markdown_table(columns(comparison.varied, plans), plans)) + "\n").encode()


def comparison_to_text(comparison: Comparison) -> bytes:
    """The table for people, without colour."""
    from llmplan.output.comparison_report import comparison_report

    return comparison_report(comparison, width=_WIDE).encode()


def search_to_markdown(result: Any) -> bytes:
    """The facts and the table of the best plans."""
    from llmplan.output.search_report import search_markdown

    return search_markdown(result).encode()


def search_to_text(result: Any) -> bytes:
    """The report of a search, without colour, with the sources of what was assumed."""
    from llmplan.output.search_report import search_report

    return search_report(result, width=_PAGE, sources=True).encode()


def plain_cell(value: Any) -> Any:
    """A cell of CSV that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def paths(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Each figure with its path: ``layout.tp``, ``warnings.0``."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from paths(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from paths(inner, f"{path}.{index}")
    else:
        yield path, "" if value is None else value
