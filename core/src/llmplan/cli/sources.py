"""``--sources``: what was assumed, in full."""

from __future__ import annotations

from collections.abc import Iterable
from shutil import get_terminal_size
from textwrap import fill

from llmplan.cli.said import plain


def print_sources(assumptions: Iterable[str]) -> None:
    """Below a report, which has them in short."""
    print("\nAssumed, in full")
    for line in assumptions:
        print(fill(plain(line), get_terminal_size().columns, initial_indent="  - ", subsequent_indent="    "))
