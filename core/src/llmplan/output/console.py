"""What a terminal shows: how wide it is, and tables; nothing of what is printed is a command to it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from rich.console import Console, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

_WIDE = 250
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
"""What a terminal takes for a command: names and texts come from anywhere."""


class PlainConsole(Console):
    """One that gives a terminal no commands but its own: colours."""

    def render(self, renderable: RenderableType, options: Any = None) -> Iterator[Segment]:
        """Without the control codes of names and texts."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=_CONTROL.sub("?", segment.text))


def wide_console() -> Console:
    """For tables: as wide as the terminal; nobody reads a pipe on 80 columns, but programs read its lines."""
    console = PlainConsole(highlight=False)
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
