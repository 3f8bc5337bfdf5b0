"""Plain tables on the terminal."""

from collections.abc import Iterable, Sequence


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], title: str | None = None) -> None:
    """A table as wide as its contents, at most as the terminal; columns that start with ``>`` are right-justified."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from llmplan.output.console import rendered

    table = Table(box=None, padding=(0, 2, 0, 0), show_header=any(columns))
    for column in columns:
        table.add_column(column.lstrip(">"), justify="right" if column.startswith(">") else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    heading = [] if title is None else [Text(title, style="bold")]
    print(rendered(Console(highlight=False), [*heading, table]), end="")
