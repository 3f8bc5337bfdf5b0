"""What reports are written to: a terminal, or a file of a given width; and the headings of their sections."""

from __future__ import annotations

import io
import os

from rich.padding import Padding
from rich.text import Text

from llmplan.catalogues.guard import hushed
from llmplan.output.console import PlainConsole

INDENT = 2
_WIDE = 250


def console_of(width: int | None) -> PlainConsole:
    """As wide as the terminal, or of the given width and plain, for a file."""
    if width is None:
        return _of_stdout()
    return PlainConsole(file=io.StringIO(), width=width)


def wide_console() -> PlainConsole:
    """For tables: as wide as the terminal; nobody reads a pipe on 80 columns, but programs read its lines."""
    console = _of_stdout()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _WIDE
    return console


def _of_stdout() -> PlainConsole:
    """For what stdout is, not for stderr, which stands in its place while a plugin's code runs."""
    stdout, descriptor = hushed().stdout
    is_terminal = getattr(stdout, "isatty", bool)() if descriptor is None else os.isatty(descriptor)
    forced = None if is_terminal or "FORCE_COLOR" in os.environ else False
    return PlainConsole(force_terminal=is_terminal or forced)


def heading(text: str, style: str = "bold") -> Padding:
    """The heading of a section, after an empty line."""
    return Padding(Text(text, style=style), (1, 0, 0, 0))
