"""docs/explanation/sites.md, its table: `python tools/regenerate.py sites`, some minutes.

Rows of a source on one accelerator are priced as if less were known of them than is, two of them make a site, and the
others are predicted at it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np
from attrs import evolve, frozen

from llmplan import registry
from llmplan.errors import BadInputError
from llmplan.records import ValidationRow
from llmplan_calibration.fit import Fit, fit
from llmplan_calibration.sample import MEMORY_METRICS, Sample, sample_of

PAGE = Path(__file__).resolve().parents[1] / "docs" / "explanation" / "sites.md"
SETS = ("training", "training-unfitted", "inference", "inference-unfitted")
FEWEST, MOST = 4, 12
"""Rows of a source on an accelerator that make a group, and those of it that are priced."""
PAIRS = 6
_BEGIN, _END = "<!-- table -->\n", "<!-- end of table -->\n"


def as_shipped(row: ValidationRow) -> ValidationRow:
    """With all that is known, the row itself included: constants are fitted to such rows."""
    return row


def untimed(row: ValidationRow) -> ValidationRow:
    """On an accelerator that nobody has timed: its datasheet, and the curves of others."""
    return evolve(row, options={**row.options, "gpu": evolve(row.options["gpu"], kernels=None, efficiency=None)})


def unknown(row: ValidationRow) -> ValidationRow:
    """By a program that no profile knows: the default one's, under a name of its own."""
    option, programs = (
        ("framework", registry().frameworks) if row.command == "train" else ("engine", registry().engines)
    )
    default = next(one for _, _, one in programs.entries("default") if one.default)
    program = evolve(default, name="unknown", default=False, aliases=())
    return evolve(row, options={**row.options, option: program})


WAYS: Mapping[str, Callable[[ValidationRow], ValidationRow]] = {
    "accelerator left out": untimed,
    "program left out": unknown,
    "both left out": lambda row: unknown(untimed(row)),
    "as shipped": as_shipped,
}


@frozen
class Outcome:
    """Mean absolute errors of the rows that made no site."""

    before: float
    after: float


def groups() -> dict[tuple[str, str], list[ValidationRow]]:
    """Rows of times that count, by source and accelerator; of each the same few, if there are many."""
    found: dict[tuple[str, str], list[ValidationRow]] = {}
    reader = registry().run_readers["csv"]
    for name in SETS:
        table = registry().validation_sets[name].table
        if table is None:
            continue
        for row in reader.rows(str(table), table.read_text(encoding="utf-8"), {}):
            if row.counts and row.metric not in MEMORY_METRICS:
                found.setdefault((row.source, row.options["gpu"].name), []).append(row)
    return {key: _some(rows) for key, rows in sorted(found.items()) if len(rows) >= FEWEST}


def _some(rows: Sequence[ValidationRow]) -> list[ValidationRow]:
    return random.Random(0).sample(rows, min(len(rows), MOST))  # noqa: S311 - a choice, no secret


def samples_of(rows: Sequence[ValidationRow], how: Callable[[ValidationRow], ValidationRow]) -> list[Sample]:
    """Those that can be priced so."""
    found = []
    for row in rows:
        try:
            found.append(sample_of(how(row), row.source))
        except BadInputError:
            continue
    return found


def pairs_of(number: int, pairs: int) -> Iterator[tuple[int, ...]]:
    """Of so many rows, the same few pairs."""
    every = list(combinations(range(number), 2))
    yield from random.Random(1).sample(every, min(pairs, len(every)))  # noqa: S311 - a choice, no secret


def outcome(samples: Sequence[Sample], pairs: int = PAIRS) -> Outcome | None:
    """The mean over the pairs; None where too few rows are left."""
    if len(samples) < FEWEST:
        return None
    found = []
    for pair in pairs_of(len(samples), pairs):
        made: Fit = fit([samples[at] for at in pair])
        rest = [one for at, one in enumerate(samples) if at not in pair]
        found.append((_error(rest, None), _error(rest, made.rates)))
    before, after = np.mean(found, axis=0)
    return Outcome(float(before), float(after))


def _error(samples: Sequence[Sample], rates: Any) -> float:
    published = (1.0,) * 5
    return fmean(abs(one.predict(rates or published) / one.measured - 1.0) for one in samples)


def table() -> str:
    """A line a source and accelerator, and the means."""
    found: dict[tuple[str, str], dict[str, Outcome]] = {}
    for key, rows in groups().items():
        for way, how in WAYS.items():
            if (one := outcome(samples_of(rows, how))) is not None:
                found.setdefault(key, {})[way] = one
    lines = [f"| source | accelerator | {' | '.join(WAYS)} |", f"| --- | --- | {' | '.join('---:' for _ in WAYS)} |"]
    lines += [
        _line(f"**{word} of {len(found)}**", "", [f"**{_cell(_summed(found.values(), way, by))}**" for way in WAYS])
        for word, by in (("mean", fmean), ("median", median))
    ]
    lines += [_line(source, gpu, [_cell(of.get(way)) for way in WAYS]) for (source, gpu), of in found.items()]
    return "\n".join(lines) + "\n"


def _line(source: str, gpu: str, cells: Sequence[str]) -> str:
    return f"| {source} | {gpu} | {' | '.join(cells)} |"


def _summed(found: Iterable[Mapping[str, Outcome]], way: str, by: Callable[[Sequence[float]], float]) -> Outcome:
    of = [one[way] for one in found if way in one]
    return Outcome(by([one.before for one in of]), by([one.after for one in of]))


def _cell(one: Outcome | None) -> str:
    return "" if one is None else f"{one.before:.1%} → {one.after:.1%}"


def files() -> dict[Path, str]:
    """The page with its table."""
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(_BEGIN)
    _, after = rest.split(_END)
    return {PAGE: f"{before}{_BEGIN}\n{table()}\n{_END}{after}"}
