"""Rich renderables as text: as wide as the terminal, coloured where it is one, no blanks at the end of lines."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

_WIDE = 250


def rendered(console: Console, renderables: Iterable[RenderableType]) -> str:
    """What the console would print."""
    with console.capture() as captured:
        for renderable in renderables:
            console.print(renderable)
    return "\n".join(line.rstrip() for line in captured.get().split("\n"))


def wide_console() -> Console:
    """For tables: as wide as the terminal; nobody reads a pipe on 80 columns, but programs read its lines."""
    console = Console(highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _WIDE
    return console


def table_of(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """A table without lines; columns that start with ``>`` are right-justified, the first is never broken."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=any(columns))
    for column in columns:
        table.add_column(column.lstrip(">"), justify="right" if column.startswith(">") else "left", overflow="fold")
    table.columns[0].no_wrap = True
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table
