"""Reports in files, at prompts and in notebooks: of an estimate, a comparison or the result of a search."""

from __future__ import annotations

from html import escape
from typing import Any

from llmplan.estimate import Comparison, Estimate
from llmplan.output.document import document, rows
from llmplan.output.formats import paths

_PAGE, _WIDE = 100, 250
"""Columns of a report in a file, and of a table with a line for each plan, which nobody reads on a terminal."""


def to_markdown(of: Any) -> bytes:
    """The same two columns as a table."""
    from llmplan_report.columns import escaped

    lines = ["| figure | value |", "| --- | --- |"]
    lines += [f"| {escaped(path)} | {escaped(value)} |" for path, value in paths(document(of))]
    return ("\n".join(lines) + "\n").encode()


def to_text(estimate: Estimate) -> bytes:
    """The report, 100 columns wide, without colour, with the sources of what was assumed."""
    from llmplan_report.terminal.report import report

    return report(estimate, width=_PAGE, sources=True).encode()


def comparison_to_markdown(comparison: Comparison) -> bytes:
    """The table for people as Markdown."""
    from llmplan_report.columns import markdown_table
    from llmplan_report.terminal.comparison_report import columns

    plans = rows(comparison)
    return ("\n".join(markdown_table(columns(comparison.varied, plans), plans)) + "\n").encode()


def comparison_to_text(comparison: Comparison) -> bytes:
    """The table for people, without colour."""
    from llmplan_report.terminal.comparison_report import comparison_report

    return comparison_report(comparison, width=_WIDE).encode()


def search_to_markdown(result: Any) -> bytes:
    """The facts and the table of the best plans."""
    from llmplan_report.terminal.search_report import search_markdown

    return search_markdown(result).encode()


def search_to_text(result: Any) -> bytes:
    """The report of a search, without colour, with the sources of what was assumed."""
    from llmplan_report.terminal.search_report import search_report

    return search_report(result, width=_PAGE, sources=True).encode()


def line(of: Any) -> str:
    """The first line of the report, which is the answer."""
    from llmplan_report.terminal.headline import sentence

    if isinstance(of, Comparison):
        from llmplan_report.terminal.comparison_report import title

        return title(of, rows(of))
    if hasattr(of, "requests"):
        plans = f"best of {of.counts.legal:,} plans"
        return f"{sentence(of.best[0]).plain}, {plans}" if of.best else f"no plan is feasible of {of.counts.legal:,}"
    return sentence(of).plain


def html(of: Any) -> str:
    """A table of the plans that are compared, or else the report as the terminal has it."""
    if isinstance(of, Comparison):
        from llmplan_report.terminal.comparison_report import columns, title

        plans = rows(of)
        shown = columns(of.varied, plans)
        head = "".join(f"<th>{escape(column.heading)}</th>" for column in shown)
        body = "".join(
            f"<tr>{''.join(f'<td>{escape(column.text(plan))}</td>' for column in shown)}</tr>" for plan in plans
        )
        caption = f"<caption>{escape(title(of, plans))}</caption>"
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    if hasattr(of, "requests"):
        from llmplan_report.terminal.search_report import search_report

        text = search_report(of, _PAGE)
    else:
        from llmplan_report.terminal.report import report

        text = report(of, _PAGE)
    return f'<pre style="line-height: 1.2">{escape(text)}</pre>'
