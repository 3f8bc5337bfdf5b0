"""Plain tables on the terminal."""

import os
from collections.abc import Iterable, Sequence

_WIDE = 250


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], title: str | None = None) -> None:
    """A table as wide as its contents, at most as the terminal; columns that start with ``>`` are right-justified."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from llmplan.output.console import rendered

    table = Table(box=None, padding=(0, 2, 0, 0), show_header=any(columns))
    for column in columns:
        table.add_column(column.lstrip(">"), justify="right" if column.startswith(">") else "left", overflow="fold")
    table.columns[0].no_wrap = True
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    heading = [] if title is None else [Text(title, style="bold")]
    console = Console(highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _WIDE  # nobody reads a pipe on 80 columns, but programs read its lines
    print(rendered(console, [*heading, table]), end="")
