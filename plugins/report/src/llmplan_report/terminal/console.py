"""What reports are written to: a terminal, or a file of a given width; and the headings of their sections."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

from llmplan.catalogues.guard import hushed
from llmplan_report.terminal.blocks import Grid, Line, Text

if TYPE_CHECKING:
    import rich.console

Block: TypeAlias = "Text | Grid | rich.console.RenderableType"
"""What a report is a sequence of."""
INDENT = 2
_USUAL, _WIDE = 80, 250
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
"""What a terminal takes for a command: names and texts come from anywhere."""
_WEIGHTS = {"bold": "1", "dim": "2"}
_FORCED = "FORCE_COLOR"
_COLOURS = {"red": "31", "yellow": "33", "cyan": "36", "bright_black": "90"}


class Console:
    """Where something is printed: as wide as the terminal, or of a given width and plain, for a file."""

    def __init__(self, width: int, *, coloured: bool = False) -> None:
        self.width = width
        self._codes: dict[str, str] = {}
        """What a terminal takes for a style; nothing where none reads it."""
        if coloured and os.environ.get("TERM") not in ("dumb", "unknown"):
            self._codes = _WEIGHTS if os.environ.get("NO_COLOR") else {**_WEIGHTS, **_COLOURS}

    def painted(self, line: Line) -> str:
        """A line with its styles, where there is a terminal."""
        return "".join(self._painted(_CONTROL.sub("?", text), style) for text, style in line).rstrip()

    def _painted(self, text: str, style: str) -> str:
        codes = ";".join(code for word in style.split() if (code := self._codes.get(word)))
        return f"\x1b[{codes}m{text}\x1b[0m" if codes and text else text

    @cached_property
    def for_tables(self) -> rich.console.Console:
        """That of Rich."""
        from llmplan.output.console import PlainConsole

        return PlainConsole(
            file=io.StringIO(),
            width=self.width,
            highlight=False,
            force_terminal=bool(self._codes),
            legacy_windows=False,
        )


def console_of(width: int | None) -> Console:
    """As wide as the terminal, or of the given width and plain, for a file."""
    return _of_stdout(_USUAL) if width is None else Console(width)


def wide_console() -> Console:
    """For tables: as wide as the terminal; nobody reads a pipe on 80 columns, but programs read its lines."""
    return _of_stdout(_WIDE)


def _of_stdout(where_none_is: int) -> Console:
    """As wide as the terminal that stdout is, the one that a guard hides too."""
    (stdout, descriptor), columns = hushed().stdout, os.environ.get("COLUMNS", "")
    is_terminal = getattr(stdout, "isatty", bool)() if descriptor is None else os.isatty(descriptor)
    width = int(columns) if columns.isdigit() and int(columns) else None
    if width is None and is_terminal and descriptor is not None:
        with suppress(OSError):
            width = os.get_terminal_size(descriptor).columns
    return Console(width or (_USUAL if is_terminal else where_none_is), coloured=is_terminal or _FORCED in os.environ)


def rendered(console: Console, blocks: Iterable[Block]) -> str:
    """What the console would print, without blanks at the end of lines."""
    return "".join(f"{line}\n" for block in blocks for line in _lines(console, block))


def _lines(console: Console, block: Block) -> Iterator[str]:
    if isinstance(block, (Text, Grid)):
        yield from map(console.painted, block.lines(console.width))
        return
    with console.for_tables.capture() as captured:
        console.for_tables.print(block)
    yield from (line.rstrip() for line in captured.get().removesuffix("\n").split("\n"))


def heading(text: str, style: str = "bold") -> Text:
    """The heading of a section, after an empty line."""
    return Text(text, style, above=1)
