"""Tables that are as wide as there is room for: columns of what rows say."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any, TypeAlias

from attrs import frozen
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

_WORD = re.compile(r"[^\s-]+-?")
"""Of a heading, which may be broken after each."""
_ANY_WIDTH, _MANY_COLUMNS = 10_000, 10

Row: TypeAlias = Mapping[str, Any]


@frozen(eq=False)
class Column:
    """A heading, and what a row says under it: nothing where the figure does not apply."""

    heading: str
    text: Callable[[Row], str]
    right: bool = True
    spare: int = 0
    """Where a terminal is too narrow, those of 1 go first, then those of 2 and of 3, never those of 0."""

    @property
    def in_a_list(self) -> str:
        """Its heading among others: the unit in parentheses."""
        what, comma, unit = self.heading.rpartition(", ")
        return f"{what} ({unit})" if comma else unit

    def said(self, rows: Sequence[Row]) -> set[str]:
        """All that the column says of these rows."""
        return {text for row in rows if (text := self.text(row))}


def fitted(columns: Sequence[Column], rows: Sequence[Row], console: Console, indent: int) -> Iterator[RenderableType]:
    """Where there is no room, spare columns go, which is said; then words wrap; gaps shrink; at last rows are text."""
    shown, left_out = list(columns), []
    spares = sorted((column for column in shown if column.spare), key=lambda column: column.spare)
    wide = console.options.update(max_width=_ANY_WIDTH)
    while True:
        table = Padding(_of_columns(shown, rows), (0, 0, 0, indent), expand=False)
        measured = table.__rich_measure__(console, wide)
        if measured.maximum <= console.width or not spares:
            break
        left_out.append(spares.pop(0))
        shown.remove(left_out[-1])
    if measured.minimum > console.width:
        table = Padding(_of_columns(shown, rows, gap=1), (0, 0, 0, indent), expand=False)
        measured = table.__rich_measure__(console, wide)
    if measured.minimum > console.width:
        yield from _one_by_one(shown, rows, indent)
    else:
        yield table
    if left_out:
        names = ", ".join(column.in_a_list for column in left_out)
        said = Text(f"No room for {names}: a wider terminal, a pipe or --output shows them", style="dim")
        yield Padding(said, (0, 0, 0, indent))


def _one_by_one(shown: Sequence[Column], rows: Sequence[Row], indent: int) -> Iterator[RenderableType]:
    """A paragraph for each row, where not even the columns that nobody can do without stand side by side."""
    for row in rows:
        cells = [(column.heading, text) for column in shown if (text := column.text(row))]
        said = ", ".join(f"{heading.replace(', ', ' in ')} {text}" for heading, text in cells)
        yield Padding(Text(said), (0, 0, 0, indent))


def _of_columns(shown: Sequence[Column], rows: Sequence[Row], gap: int = 2) -> Table:
    table = Table(box=None, padding=(0, 1 if len(shown) > _MANY_COLUMNS else gap, 0, 0), pad_edge=False)
    for column in shown:
        cells = [column.text(row) for row in rows]
        width = max(map(len, [*cells, *_WORD.findall(column.heading)]))
        heading = "\n".join(wrap(column.heading, width))
        whole = column.right or not any(" " in cell for cell in cells)
        table.add_column(heading, justify="right" if column.right else "left", no_wrap=whole)
    for row in rows:
        table.add_row(*(Text(column.text(row)) for column in shown))
    return table
