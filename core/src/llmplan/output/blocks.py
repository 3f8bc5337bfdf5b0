"""What reports are made of: headings, facts, lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

INDENT = 2


def heading(text: str, style: str = "bold") -> Padding:
    """A line of its own, with space above."""
    return Padding(Text(text, style=style), (1, 0, 0, 0))


def facts(said: Mapping[str, str]) -> Padding:
    """Names and what is said of them, one a line; those of which nothing is said are left out."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    for name, fact in said.items():
        if fact:
            table.add_row(name, Text(fact))
    return Padding(table, (0, 0, 0, INDENT))


def listed(lines: Iterable[str]) -> Padding:
    """Each after a dash."""
    table = Table.grid(padding=(0, 1))
    for line in lines:
        table.add_row("-", Text(line))
    return Padding(table, (0, 0, 0, INDENT))
