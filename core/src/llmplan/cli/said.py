"""Lines on stderr that people read."""

from __future__ import annotations

import sys
from contextlib import suppress

_CONTROLS = dict.fromkeys((*range(32), *range(127, 160)), "?")
_MOST = 2_000
"""Letters of a line: who gives ten million is not sent them back."""


def say(line: str) -> None:
    """One line on stderr, without what a terminal would take for a command: names and messages come from anywhere.

    Where nobody can be told, because stderr is full or closed, the exit code still tells.
    """
    with suppress(OSError, ValueError):
        if sys.stderr is None:  # print would take stdout
            return
        print(one_line(line), file=sys.stderr, flush=True)


def one_line(text: str) -> str:
    """Without control codes, and of bounded length."""
    said = plain(" ".join(text.splitlines()))
    return said if len(said) <= _MOST else f"{said[:_MOST]}…"


def plain(text: str) -> str:
    """A text of several lines without control codes."""
    return text.translate({**_CONTROLS, 10: "\n"})
