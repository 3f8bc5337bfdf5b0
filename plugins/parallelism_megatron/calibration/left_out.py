"""Published rows priced with constants that were fitted without their source.

``python plugins/parallelism_megatron/calibration/left_out.py [SOURCE ...] [--sample ROWS]`` fits the constants that a
source speaks of anew, over so many rows of each other source that speaks of them, and prices the source with them:
validation/training_refitted.csv, from which docs/accuracy.md tells how many figures lie in ranges that were made
without them. A constant of which the others say nothing stays where it was. A source that is alone with its constants
is none of these: it is priced as a program that nobody knows. All sources take some minutes.
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
from calibration.frameworks import STAGES, Constant, current, mean_error, with_values
from calibration.ranges import VALIDATION
from llmplan import registry, train
from llmplan.errors import BadInputError
from llmplan.records import ValidationRow
from llmplan.validation import validate
from llmplan.validation.ranges import FALLS_WITH_TIME
from llmplan.validation.score import group_of
from llmplan_parallelism_megatron.ranges.csv_files import in_csv, read_rows

REFITTED = VALIDATION / "training_refitted.csv"
SAMPLE = 20
"""Rows a source that constants are fitted to."""
WHOLE_RUNS = "gpu_hours"


def without(source: str, rows: Sequence[ValidationRow], sample: int) -> dict[Constant, float] | None:
    """The constants that a source speaks of, fitted to the others; None where it is the only one."""
    values: dict[Constant, float] = {}
    for constants, sources in STAGES:
        others = [name for name in sources if name != source]
        if source not in sources or not others:
            continue
        own = [row for name in others for row in sampled([one for one in rows if one.source == name], sample)]
        start = {constant: values.get(constant, current(constant)) for constant in constants}
        values |= descend(start, lambda constant: constant.limits, partial(mean_error, own), penalty=0.0)
    return values or None


def sampled(rows: Sequence[ValidationRow], most: int) -> list[ValidationRow]:
    """At even steps."""
    return [rows[number * len(rows) // min(most, len(rows))] for number in range(min(most, len(rows)))]


def ratios(rows: Sequence[ValidationRow], values: Mapping[Constant, float]) -> dict[str, float]:
    """Measured over predicted seconds, by row."""
    found = {}
    for row in rows:
        try:
            predicted = row.predict(train(**with_values(row.options, values)))
        except BadInputError:
            continue
        found[row.id] = predicted / row.measured if row.metric in FALLS_WITH_TIME else row.measured / predicted
    return found


def main() -> None:
    """Fit, price, and write the rows of the sources named over those that were there."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("sources", nargs="*", metavar="SOURCE")
    parser.add_argument("--sample", type=int, default=SAMPLE, metavar="ROWS")
    given = parser.parse_args()
    checked = validate(registry().validation_sets["training"]).checked
    rows = [
        one.row
        for one in checked
        if one.row.counts and one.row.metric != WHOLE_RUNS and group_of(one.row.metric) == "time"
    ]
    found = {row["row"]: row["ratio"] for row in read_rows(REFITTED)} if REFITTED.exists() else {}
    for source in given.sources or dict.fromkeys(row.source for row in rows):
        values = without(source, rows, given.sample)
        if values is None:
            continue
        priced = ratios([row for row in rows if row.source == source], values)
        found |= {row: f"{ratio:.4g}" for row, ratio in priced.items()}
        off = sum(abs(1.0 / ratio - 1.0) for ratio in priced.values()) / len(priced)
        print(f"{source}: {len(priced)} rows, mean absolute error {off:.1%}", flush=True)
        REFITTED.write_text(in_csv(("row", "ratio"), ({"row": row, "ratio": ratio} for row, ratio in found.items())))


if __name__ == "__main__":
    main()
