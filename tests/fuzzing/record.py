"""What nightly runs have tried: counted as they run, and kept in tests/fuzzed.csv by property and day."""

from __future__ import annotations

import csv
import fcntl
import os
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from hypothesis.errors import UnsatisfiedAssumption

COLUMNS = ("property", "day", "tried", "cpu_seconds", "slowest_seconds", "failed")
FILE = os.environ.get("LLMPLAN_FUZZED", "")
"""Where it is kept; nowhere without."""
_OFTEN = 200
"""Examples after which it is kept, whatever becomes of the run."""


class Tally:
    """Of one property: examples, and what they took."""

    def __init__(self) -> None:
        self.found = False
        self.begin()

    def begin(self) -> None:
        """Count from nothing."""
        self.tried, self.failed, self.seconds, self.slowest = 0, 0, 0.0, 0.0

    def counting(self, test: Callable[..., None]) -> Callable[..., None]:
        """The test, which counts what it tries; what hypothesis tries once more because it failed counts too."""

        def counted(*arguments: Any, **named: Any) -> None:
            begin = time.process_time()
            self.tried += 1
            try:
                test(*arguments, **named)
            except UnsatisfiedAssumption:
                self.tried -= 1
                raise
            except Exception:
                self.failed += not self.found  # once, however often hypothesis tries it again
                self.found = True
                raise
            finally:
                took = time.process_time() - begin
                self.seconds += took
                self.slowest = max(self.slowest, took)
                if self.tried >= _OFTEN:
                    keep()

        return counted


_TALLIES: dict[str, Tally] = {}


def counted(test: Any) -> Any:
    """A property of hypothesis whose examples are counted where somebody keeps the record."""
    if FILE:
        tally = _TALLIES.setdefault(test.__name__, Tally())
        test.hypothesis.inner_test = tally.counting(test.hypothesis.inner_test)
    return test


def keep() -> None:
    """Add what this process has tried to the record."""
    tallies = {name: tally for name, tally in _TALLIES.items() if tally.tried}
    if not FILE or not tallies:
        return
    with Path(FILE).open("a+", encoding="utf-8", newline="") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        rows = {(row["property"], row["day"]): row for row in csv.DictReader(file)}
        day = datetime.now(timezone.utc).date().isoformat()
        for name, tally in tallies.items():
            rows[name, day] = _added(rows.get((name, day)), name, day, tally)
        file.seek(0)
        file.truncate()
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows[key] for key in sorted(rows))
    for tally in tallies.values():
        tally.begin()


def _added(row: dict[str, str] | None, name: str, day: str, tally: Tally) -> dict[str, str]:
    before = row or dict.fromkeys(COLUMNS, "0")
    return {
        "property": name,
        "day": day,
        "tried": str(int(before["tried"]) + tally.tried),
        "cpu_seconds": f"{float(before['cpu_seconds']) + tally.seconds:.0f}",
        "slowest_seconds": f"{max(float(before['slowest_seconds']), tally.slowest):.1f}",
        "failed": str(int(before["failed"]) + tally.failed),
    }
