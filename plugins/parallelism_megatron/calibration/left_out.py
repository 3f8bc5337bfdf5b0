"""Constants as they would be without a source.

``python plugins/parallelism_megatron/calibration/left_out.py [SOURCE ...] [--sample ROWS]`` fits the constants that a
source speaks of anew, over so many rows of each other source that speaks of them, and writes them to left_out.csv
beside this file. ranges.py prices the source with them, so that ranges come from errors on rows that nothing was fitted
to. A constant of which the others say nothing stays where it was. A source that is alone with its constants is not
here: it is priced as a program that nobody knows. All sources take some minutes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

if not __package__:  # run by its path: the folder stands in sys.path, not the one that it lies in
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from calibration.descent import descend
from calibration.frameworks import STAGES, Constant, current, mean_error
from llmplan import registry
from llmplan.records import ValidationRow
from llmplan_parallelism_megatron.ranges.csv_files import in_csv, read_rows
from llmplan_validation import validate
from llmplan_validation.score import group_of

FILE = Path(__file__).with_suffix(".csv")
COLUMNS = ("source", "owner", "constant", "formats", "value")
PENALTY = 0.001
"""Of a constant that has moved by half: so much that one stays of which the others say nothing."""
SAMPLE = 12
"""Rows a source that constants are fitted to."""
WHOLE_RUNS = "gpu_hours"


def read() -> dict[str, dict[Constant, float]]:
    """By source that was left out."""
    found: dict[str, dict[Constant, float]] = {}
    for row in read_rows(FILE):
        constant = Constant(row["owner"], row["constant"], tuple(row["formats"].split()))
        found.setdefault(row["source"], {})[constant] = float(row["value"])
    return found


def text_of(values: Mapping[str, Mapping[Constant, float]]) -> str:
    """As the file."""
    rows = (
        (source, constant.owner, constant.name, " ".join(constant.formats), f"{value:.4g}")
        for source, of_source in values.items()
        for constant, value in of_source.items()
    )
    return in_csv(COLUMNS, (dict(zip(COLUMNS, row, strict=True)) for row in rows))


def without(source: str, rows: Sequence[ValidationRow], sample: int) -> dict[Constant, float]:
    """The constants that a source speaks of, fitted to the others; none where it is the only one."""
    values: dict[Constant, float] = {}
    for constants, sources in STAGES:
        others = [name for name in sources if name != source]
        if source not in sources or not others:
            continue
        own = [row for name in others for row in sampled([one for one in rows if one.source == name], sample)]
        start = {constant: values.get(constant, current(constant)) for constant in constants}
        values |= descend(start, lambda constant: constant.limits, partial(mean_error, own), penalty=PENALTY)
    return values


def sampled(rows: Sequence[ValidationRow], most: int) -> list[ValidationRow]:
    """At even steps."""
    return [rows[number * len(rows) // min(most, len(rows))] for number in range(min(most, len(rows)))]


def main() -> None:
    """Fit anew, and write the sources named over those that were there."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("sources", nargs="*", metavar="SOURCE")
    parser.add_argument("--sample", type=int, default=SAMPLE, metavar="ROWS")
    given = parser.parse_args()
    checked = [one.row for one in validate(registry().validation_sets["training"]).checked]
    rows = [row for row in checked if row.counts and row.metric != WHOLE_RUNS and group_of(row.metric) == "time"]
    values = read() if FILE.exists() else {}
    for source in given.sources or dict.fromkeys(row.source for row in rows):
        if found := without(source, rows, given.sample):
            values[source] = found
            print(
                f"without {source}: {mean_error([row for row in rows if row.source == source], found):.1%} off",
                flush=True,
            )
            FILE.write_text(text_of(values), encoding="utf-8")


if __name__ == "__main__":
    main()
