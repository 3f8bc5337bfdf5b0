"""Columns of plans: what a plan is, its figures, whether it fits; and tables of them in Markdown.

A row is a plan in the JSON contract; a column is there where a row has something to say in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from llmplan.catalogues.figures import every_figure
from llmplan.estimate.figure import Figure
from llmplan.estimate.figures import AT_CONFIDENCE, CAPACITY, INFER, ITERATION, MEMORY, MFU, limits
from llmplan.estimate.spread import EVEN
from llmplan.output.table import Column, Row
from llmplan.output.words import count, digits, gib

_MANY = 1e9
"""From here on in billions and trillions, as tokens are."""
OVERLOADED, NO_FIT, DOUBTED, TOO_SLOW = "overloaded", "does not fit", "may not fit", "too slow"
_CONTROL, _MARKUP = re.compile(r"[\x00-\x1f\x7f-\x9f]+"), re.compile(r"[|`\[\]\\]|(?<!\w)[*_](?=\S)|(?<=\S)[*_](?!\w)")


def figure_columns(
    rows: Sequence[Row],
    asked: Callable[[Figure], bool] = lambda figure: not figure.if_ranked,
    ranked: Callable[[Figure], bool] = lambda _: False,
) -> list[Column]:
    """Of the figures that have a heading and that some row knows; those that rows are ranked by are never left out."""
    headed = {figure.key: figure for figure in every_figure() if figure.heading and asked(figure)}
    found = [
        Column(figure.heading, _digits_of(figure), spare=0 if ranked(figure) else _spare(figure))
        for figure in headed.values()
    ]
    said = [column for column in found if column.said(rows)]
    again = {AT_CONFIDENCE.heading} if all(row.get("confidence", EVEN) <= EVEN for row in rows) else set()
    return [column for column in said if column.heading not in again]


def _spare(figure: Figure) -> int:
    return 0 if figure.essential else 1 if figure is MFU else 3 if figure.drawn else 2


def value_in(row: Row, figure: Figure) -> float | None:
    """A figure of a row in the unit of its heading; None where there is none."""
    found: Any = row
    for key in figure.key.split("."):
        found = None if found is None else found.get(key)
    return None if found is None else found / figure.scale


def _digits_of(figure: Figure) -> Callable[[Row], str]:
    return lambda row: "" if (value := value_in(row, figure)) is None else digits(value)


def plain_words(value: Any) -> str:
    """A value of an option, or a choice."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return count(value) if value >= _MANY else f"{value:,.10g}"
    return str(value)


def _range_of(key: str) -> Callable[[Row], str]:
    """How far off a time may be, in percent; without an end where more may come than can be answered."""

    def text(row: Row) -> str:
        ends = row.get(f"{key}_range")
        if ends is None or not row[key]:
            return ""
        return "/".join("no end" if end is None else f"{100 * (end / row[key] - 1):+.0f}" for end in ends)

    return text


def _published(row: Row) -> str:
    """How many published figures of its kind the ranges of its times rest on, in their order where they differ."""
    of = [found for name in TIMES if (found := (row.get("ranges") or {}).get(name))]
    said = [f"{one['rows']:,}{': EXTRAPOLATED' if one['extrapolated'] else ''}" for one in of]
    return " / ".join(said if len(set(said)) > 1 else said[:1])


_LATENCIES = limits(INFER)
TIMES = ("time", "first_token", "next_token")
"""What ranges are of, beside memory and what follows from these."""
RANGE_COLUMNS = (
    Column("range, %", _range_of(ITERATION.key), spare=2),
    Column("first token range, %", _range_of(_LATENCIES["ttft"].key), spare=2),
    Column("each token range, %", _range_of(_LATENCIES["tpot"].key), spare=2),
    Column("published runs", _published, spare=1),
)
"""How far off the times of a plan may be, and what that rests on."""


def extrapolated(rows: Sequence[Row]) -> dict[str, str]:
    """Of which rows, by number, ranges are those of no published run, or hardly one, however narrow the table is."""
    marked: dict[str, list[str]] = {}
    for name in (*TIMES, "memory"):
        of = [(row.get("ranges") or {}).get(name) or {} for row in rows]
        numbers = [f"{number:,}" for number, one in enumerate(of, 1) if one.get("extrapolated")]
        if numbers:
            marked[name.replace("_", " ")] = ["all"] if len(numbers) == len(rows) > 1 else numbers
    of_which = "; ".join(f"{name} of {', '.join(numbers)}" for name, numbers in marked.items())
    return {"EXTRAPOLATED": f"ranges of {of_which}: no published run of their kind, or too few"} if marked else {}


def why_not(row: Row) -> str:
    """Of a plan that is not feasible: it does not fit, or may not, answers less than comes, or answers too late."""
    if row[MEMORY.key] > row[CAPACITY.key]:
        return NO_FIT
    if "confidence" in row:
        return DOUBTED
    return TOO_SLOW if row[_LATENCIES["ttft"].key] is not None else OVERLOADED


def fits(row: Row) -> str:
    """Whether a plan does, and by how much not."""
    feasible = row.get("feasible")
    if feasible is None:
        return "not priced"
    over = row[MEMORY.key] - row[CAPACITY.key]
    return "yes" if feasible else f"no, {gib(over)} over" if over > 0 else why_not(row)


def markdown_table(columns: Sequence[Column], rows: Sequence[Row]) -> list[str]:
    """The lines of a table, as wide as it is."""
    lines = [
        [column.heading for column in columns],
        ["---:" if column.right else "---" for column in columns],
        *([column.text(row) for column in columns] for row in rows),
    ]
    return [f"| {' | '.join(map(escaped, line))} |" for line in lines]


def escaped(value: Any) -> str:
    """A cell of a Markdown table: whatever a name holds, it ends no cell and is no markup."""
    text = _CONTROL.sub(" ", str(value))
    return _MARKUP.sub(r"\\\g<0>", text.replace("&", "&amp;").replace("<", "&lt;"))
