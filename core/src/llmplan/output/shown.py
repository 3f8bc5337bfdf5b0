"""Estimates, comparisons and results of searches in Python: a line, a page of a notebook, values, a data frame."""

from __future__ import annotations

from html import escape
from typing import Any

from llmplan.errors import BadInputError
from llmplan.estimate import Comparison
from llmplan.output.document import document, rows
from llmplan.output.formats import paths

_PAGE = 100
"""Columns of a report in a notebook."""


def line(of: Any) -> str:
    """The answer, with the kind of object that it is."""
    return f"<{type(of).__name__}: {_answer(of)}>"


def _answer(of: Any) -> str:
    from llmplan.output.headline import sentence

    if isinstance(of, Comparison):
        from llmplan.output.comparison_report import title

        return title(of, rows(of))
    if hasattr(of, "requests"):
        plans = f"best of {of.counts.legal:,} plans"
        return f"{sentence(of.best[0]).plain}, {plans}" if of.best else f"no plan is feasible of {of.counts.legal:,}"
    return sentence(of).plain


def html(of: Any) -> str:
    """A table of the plans that are compared, or else the report as the terminal has it."""
    if isinstance(of, Comparison):
        from llmplan.output.comparison_report import columns, title

        plans = rows(of)
        shown = columns(of.varied, plans)
        head = "".join(f"<th>{escape(column.heading)}</th>" for column in shown)
        body = "".join(
            f"<tr>{''.join(f'<td>{escape(column.text(plan))}</td>' for column in shown)}</tr>" for plan in plans
        )
        caption = f"<caption>{escape(title(of, plans))}</caption>"
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    if hasattr(of, "requests"):
        from llmplan.output.search_report import search_report

        text = search_report(of, _PAGE)
    else:
        from llmplan.output.report import report

        text = report(of, _PAGE)
    return f'<pre style="line-height: 1.2">{escape(text)}</pre>'


def plain_values(of: Any) -> dict[str, Any]:
    """An estimate as the values that ``--json`` prints."""
    return document(of)


def frame(of: Any) -> Any:
    """A row a plan, with the paths of the JSON as columns: ``layout.tp``, ``time_breakdown.forward``."""
    try:
        import pandas as pd
    except ImportError:
        raise BadInputError("to_pandas: needs pip install 'llmplan-core[frames]'") from None
    plans = rows(of) if isinstance(of, Comparison) else [document(of)]
    return pd.DataFrame([{path: None if value == "" else value for path, value in paths(plan)} for plan in plans])
