"""What reports are written to: a terminal, or a file of a given width; and the headings of their sections."""

from __future__ import annotations

import io

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from llmplan.output.console import PlainConsole

INDENT = 2


def console_of(width: int | None) -> Console:
    """As wide as the terminal, or of the given width and plain, for a file."""
    if width is None:
        return PlainConsole(highlight=False)
    return PlainConsole(file=io.StringIO(), width=width, highlight=False)


def heading(text: str, style: str = "bold") -> Padding:
    """The heading of a section, after an empty line."""
    return Padding(Text(text, style=style), (1, 0, 0, 0))
