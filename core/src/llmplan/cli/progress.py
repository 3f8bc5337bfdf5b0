"""A progress bar on a terminal, for what lasts longer than half a second."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from llmplan.cli.said import say

_PATIENCE_SECONDS = 0.5
_SILENT_SECONDS = 10.0
"""After which a search says so, and after three times as long again."""


@contextmanager
def progress(said: Callable[[Any, float], str] | None = None) -> Iterator[Callable[[Any], None] | None]:
    """What a search tells how far it is, in `said`'s words; where nobody watches a line now and then, for the log."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield _logged(said or _said)
        return
    begin, bar, words = time.perf_counter(), None, said or _said

    def watch(state: Any) -> None:
        nonlocal bar
        elapsed = time.perf_counter() - begin
        if bar is None and elapsed > _PATIENCE_SECONDS:
            bar = _bar()
            bar.start()
        if bar is not None:
            bar.update(bar.task_ids[0], completed=state.done, total=state.roots, said=words(state, elapsed))

    try:
        yield watch
    finally:
        if bar is not None:
            bar.stop()


def _logged(words: Callable[[Any, float], str]) -> Callable[[Any], None]:
    begin = time.perf_counter()
    due = _SILENT_SECONDS

    def watch(state: Any) -> None:
        nonlocal due
        elapsed = time.perf_counter() - begin
        if elapsed > due:
            due = 3 * elapsed
            done = state.done / max(state.roots, 1)
            say(f"llmplan: searching: {done:.1%} after {elapsed:.0f} s, {words(state, elapsed)}; Ctrl-C ends it")

    return watch


def _bar() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), TextColumn("{task.fields[said]}"), TimeRemainingColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    bar.add_task("search", total=None, said="")
    return bar


def _said(state: Any, elapsed: float) -> str:
    """Plans, plans a second, the best so far."""
    from llmplan.output.words import count, seconds

    found = state.found
    rows = found.best.rows
    best = ""
    if rows:
        sizes = " ".join(f"{name} {int(rows[name][0])}" for name in ("tp", "pp", "vpp", "dp"))
        shown = seconds(float(rows["time"][0])) if "time" in rows else ""
        best = f", best {sizes} {shown}"
    return f"{count(found.legal)} plans, {count(found.legal / elapsed)}/s{best}"
