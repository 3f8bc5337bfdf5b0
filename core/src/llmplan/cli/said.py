"""Lines on stderr that people read."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

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


@contextmanager
def one_line_each() -> Iterator[None]:
    """Within it, what an object raises as it goes away costs a line, and a coroutine that nobody awaits none."""
    import warnings

    kept, sys.unraisablehook = sys.unraisablehook, _unraisable
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="coroutine .* was never awaited", category=RuntimeWarning)
            yield
    finally:
        sys.unraisablehook = kept


def _unraisable(raised: Any) -> None:
    from llmplan.catalogues.guard import blame, words_of

    error = raised.exc_value or raised.exc_type()
    guilty, place = blame(error)
    whose = f"plugin {guilty}: " if guilty is not None else ""
    say(f"llmplan: {whose}ignored as an object goes away: {words_of(error)} ({place})")
