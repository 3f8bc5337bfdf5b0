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
    said = plain(" ".join(line.splitlines()))
    with suppress(OSError, ValueError):
        if sys.stderr is None:  # print would take stdout
            return
        print(said if len(said) <= _MOST else f"{said[:_MOST]}…", file=sys.stderr, flush=True)


def plain(text: str) -> str:
    """A text of several lines without control codes."""
    return text.translate({**_CONTROLS, 10: "\n"})
