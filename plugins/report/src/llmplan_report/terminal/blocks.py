"""What reports are made of: text in styles, and columns of it side by side.

Rich lays such things out as well, but takes as long to import as a plan takes to price; it draws what is a wide table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import TypeAlias
from unicodedata import combining, east_asian_width

Line: TypeAlias = list[tuple[str, str]]
"""Pieces of text, each with its style: ``bold red``."""
_NARROWEST = 12
"""Letters that a last column has room for on any terminal."""


class Text:
    """A text whose pieces have styles of their own, broken between words where it is wider than its room."""

    def __init__(self, text: str = "", style: str = "", *, indent: int = 0, above: int = 0) -> None:
        self._pieces: Line = [(text, style)]
        self._indent = indent
        self._above = above
        """Empty lines before it."""

    def append(self, text: str, style: str = "") -> Text:
        """With more behind it."""
        self._pieces.append((text, style))
        return self

    @property
    def plain(self) -> str:
        """Without styles."""
        return "".join(text for text, _ in self._pieces)

    def lines(self, width: int) -> Iterator[Line]:
        """Those that fit into a width."""
        yield from ([] for _ in range(self._above))
        room, margin, end = max(width - self._indent, _NARROWEST), (" " * self._indent, ""), 0
        for paragraph in self.plain.split("\n"):
            for line in _broken(paragraph, room):
                begin = self.plain.index(line, end)
                end = begin + len(line)
                yield [margin, *self._between(begin, end)]

    def _between(self, begin: int, end: int) -> Iterator[tuple[str, str]]:
        at = 0
        for text, style in self._pieces:
            yield text[max(0, begin - at) : max(0, end - at)], style
            at += len(text)


class Grid:
    """Columns side by side, each but the last as wide as what it holds; the last is broken where there is no room."""

    def __init__(
        self,
        rows: Sequence[Sequence[str | Text]],
        *,
        styles: Sequence[str] = (),
        right: Sequence[bool] = (),
        gap: int = 2,
        indent: int = 0,
    ) -> None:
        many = max(map(len, rows), default=0)
        self._styles = [*styles, *[""] * (many - len(styles))]
        self._right = [*right, *[False] * (many - len(right))]
        """Of each column, whether it ends on the right."""
        self._rows = [[_text(cell, style) for cell, style in zip(row, self._styles, strict=False)] for row in rows]
        self._gap, self._indent = " " * gap, " " * indent

    def lines(self, width: int) -> Iterator[Line]:
        """Those of its rows, one after the other."""
        widths = [max(map(_width, column)) for column in zip(*self._rows, strict=True)]
        room = width - len(self._indent) - sum(widths[:-1]) - len(self._gap) * (len(widths) - 1)
        for row in self._rows:
            for number, last in enumerate(row[-1].lines(max(room, _NARROWEST))):
                line: Line = [(self._indent, "")]
                for cell, wide, right in zip(row[:-1], widths, self._right, strict=False):
                    first = next(iter(cell.lines(len(cell.plain) + _NARROWEST))) if number == 0 else []
                    blank = (" " * (wide - (_width(cell) if number == 0 else 0)), "")
                    line += [blank, *first] if right else [*first, blank]
                    line.append((self._gap, ""))
                blank = (" " * (widths[-1] - _width(row[-1])) if self._right[-1] else "", "")
                yield [*line, blank, *last]


def _text(cell: str | Text, style: str) -> Text:
    return Text(cell, style) if isinstance(cell, str) else cell


def _width(text: Text) -> int:
    """Columns of a terminal: letters of East Asia take two, marks above others none."""
    plain = text.plain
    if plain.isascii():
        return len(plain)
    return sum(0 if combining(letter) else 1 + (east_asian_width(letter) in "WF") for letter in plain)


def _broken(paragraph: str, room: int) -> list[str]:
    if len(paragraph) <= room:
        return [paragraph]
    return wrap(paragraph, room, expand_tabs=False, replace_whitespace=False, break_on_hyphens=False) or [""]
