"""What a terminal shows: how wide it is, and tables; nothing of what is printed is a command to it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from rich.console import Console, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

_WIDE = 250
_CONTROL = dict.fromkeys((*range(0x0A), *range(0x0B, 0x20), *range(0x7F, 0xA0)), "?")
"""What a terminal takes for a command: names and texts come from anywhere."""


class PlainConsole(Console):
    """One that gives a terminal no commands but its own: colours. What stands in brackets or colons is text to it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    def render(self, renderable: RenderableType, options: Any = None) -> Iterator[Segment]:
        """Without the control codes of names and texts."""
        for segment in super().render(renderable, options):
            plain = segment.control or segment.text.isprintable()
            yield segment if plain else segment._replace(text=segment.text.translate(_CONTROL))


def wide_console() -> Console:
    """For tables: as wide as the terminal; nobody reads a pipe on 80 columns, but programs read its lines."""
    console = PlainConsole()
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


def rendered(console: Console, renderables: Iterable[RenderableType]) -> str:
    """What the console would print, without blanks at the end of lines."""
    with console.capture() as captured:
        for renderable in renderables:
            console.print(renderable)
    return "\n".join(line.rstrip() for line in captured.get().split("\n"))
