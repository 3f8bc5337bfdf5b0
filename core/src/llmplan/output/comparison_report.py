"""A comparison for people: what the plans have in common, a line for each, and what to know about some of them."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from textwrap import wrap

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from llmplan.estimate import Comparison, Variant
from llmplan.output.columns import Column, Row, columns, common, title
from llmplan.output.comparison import rows
from llmplan.output.console import rendered, wide_console
from llmplan.output.sections import heading
from llmplan.output.words import dotted

_NAMED = 3
"""Plans that a warning names, before it counts them."""

_WORD = re.compile(r"[^\s-]+-?")
"""Of a heading, which may be broken after each."""
_ANY_WIDTH = 10_000


def comparison_report(comparison: Comparison, width: int | None = None) -> str:
    """As wide as the terminal, or of the given width and plain, for a file."""
    console = wide_console() if width is None else Console(file=io.StringIO(), width=width, highlight=False)
    return rendered(console, _sections(comparison, console))


def _sections(comparison: Comparison, console: Console) -> Iterator[RenderableType]:
    plans = rows(comparison)
    pairs = list(zip(comparison.variants, plans, strict=True))
    yield Text(title(comparison, plans), style="bold")
    same = common(comparison.varied, plans).items()
    facts = dotted(f"{name} {value}" for name, value in same if name not in ("model", "gpu"))
    yield Padding(Text(facts, style="dim"), (0, 0, 0, 2))
    yield from _table(columns(comparison.varied, plans), plans, console)
    yield from _listed("Not priced", [(row["refused"], [one.label]) for one, row in pairs if row["refused"]])
    yield from _listed("Warnings", _said(pairs, "warnings"), "bold yellow")
    assumed = [(line, labels) for line, labels in _said(pairs, "assumptions") if not labels]
    yield from _listed("Assumed for every plan, beside what --json says of each", assumed)


def _table(shown: list[Column], plans: Sequence[Row], console: Console) -> Iterator[RenderableType]:
    """Never narrower than its cells: where the terminal is, spare columns go, and it is said which."""
    left_out: list[Column] = []
    while True:
        table = _of_columns(shown, plans)
        width = table.__rich_measure__(console, console.options.update(max_width=_ANY_WIDTH)).maximum
        spare = next((column for column in shown if column.spare), None)
        if width <= console.width or spare is None:
            break
        shown = [column for column in shown if column is not spare]
        left_out.append(spare)
    console.width = max(console.width, width)
    yield Padding(table, (1, 0, 0, 0), expand=False)
    if left_out:
        names = "; ".join(column.heading for column in left_out)
        yield Text(f"No room for {names}: a wider terminal, a pipe or --output shows them", style="dim")


def _of_columns(shown: Sequence[Column], plans: Sequence[Row]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in shown:
        cells = [column.text(row) for row in plans]
        width = max(map(len, [*cells, *_WORD.findall(column.heading)]))
        table.add_column(
            "\n".join(wrap(column.heading, width)), justify="right" if column.right else "left", no_wrap=True
        )
    for row in plans:
        table.add_row(*(Text(column.text(row)) for column in shown))
    return table


def _said(pairs: Sequence[tuple[Variant, Row]], key: str) -> list[tuple[str, list[str]]]:
    """The lines of all plans, each once, with the plans that have it; no plan is named where all have it."""
    found: dict[str, list[str]] = {}
    for variant, row in pairs:
        for line in row.get(key) or ():
            found.setdefault(line, []).append(variant.label)
    priced = sum(key in row for _, row in pairs)
    return [(line, [] if len(labels) == priced else labels) for line, labels in found.items()]


def _listed(text: str, lines: Iterable[tuple[str, list[str]]], style: str = "bold") -> Iterator[RenderableType]:
    table = Table.grid(padding=(0, 1))
    for line, plans in lines:
        more = f" and {len(plans) - _NAMED} more" if len(plans) > _NAMED else ""
        where = f"{'; '.join(plans[:_NAMED])}{more}: " if plans else ""
        table.add_row("-", Text.assemble((where, "dim"), line))
    if table.row_count:
        yield heading(text, style)
        yield Padding(table, (0, 0, 0, 2))
