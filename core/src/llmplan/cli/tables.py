"""Tables of the commands that list things."""

from collections.abc import Iterable, Sequence


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], title: str | None = None) -> None:
    """A table as wide as its contents, at most as the terminal; columns that start with ``>`` are right-justified."""
    from rich.text import Text

    from llmplan.output.console import rendered, table_of, wide_console

    heading = [] if title is None else [Text(title, style="bold")]
    print(rendered(wide_console(), [*heading, table_of(columns, rows)]), end="")
