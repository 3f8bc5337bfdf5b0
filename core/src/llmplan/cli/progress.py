"""Progress and the best so far of what lasts longer than half a second, and ``--time-limit``, which ends it."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from llmplan.cli.said import say
from llmplan.watching import Stage, heard_by

_PATIENCE_SECONDS, _LINE_SECONDS = 0.5, 10.0
"""Before a terminal shows a bar, and between two lines where nobody looks at a terminal."""

TIME_LIMIT = Annotated[
    str | None,
    typer.Option("--time-limit", metavar="TIME", help="Stop after 30s or 5m; what was found until then is the answer."),
]


class OutOfTimeError(KeyboardInterrupt):
    """The time limit has passed: what was found until then is the answer, as after Ctrl-C."""


class Watch:
    """What a search, or a comparison, tells how far it is."""

    def __init__(self, words: Callable[[Any, float], str], limit: float | None) -> None:
        self.words, self.limit, self.out_of_time = words, limit, False
        self.begin = time.perf_counter()
        self.said = self.begin
        self.bar: Any = None
        self.looks = sys.stderr is not None and sys.stderr.isatty()

    def __call__(self, state: Any) -> None:
        """Say it, where it is time for that; OutOfTimeError where the limit has passed."""
        now = time.perf_counter()
        elapsed = now - self.begin
        if self.looks and elapsed > _PATIENCE_SECONDS:
            if self.bar is None:
                self.bar = _bar()
                self.bar.start()
            said = self._said(state, elapsed)
            self.bar.update(self.bar.task_ids[0], completed=state.done, total=state.roots, said=said)
        elif not self.looks and now - self.said >= _LINE_SECONDS:
            self.said = now
            say(f"llmplan: after {elapsed:,.0f} s: {self._said(state, elapsed)}")
        if self.limit is not None and elapsed > self.limit:
            self.out_of_time = True
            raise OutOfTimeError

    def _said(self, state: Any, elapsed: float) -> str:
        return state.said if isinstance(state, Stage) else self.words(state, elapsed)


@contextmanager
def progress(words: Callable[[Any, float], str] | None = None, limit: float | None = None) -> Iterator[Watch]:
    """A watch that speaks in these words, which are those of a search for training plans by default."""
    watch = Watch(words or _said, limit)
    try:
        with heard_by(watch):
            yield watch
    finally:
        if watch.bar is not None:
            watch.bar.stop()


def limit_of(extra: Mapping[str, Any]) -> float | None:
    """The seconds that ``--time-limit`` allows; None where it is not given."""
    from llmplan.request.values import as_positive_seconds

    given = extra.get("time_limit")
    return None if given is None else as_positive_seconds("30s or 5m")(given, "time_limit")


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
