"""What a kilowatt-hour emits, by country and by region of a cloud."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from llmplan_prices.records import Grid

_FILE = Path(__file__).with_name("grids.csv")


def grids() -> Iterator[Grid]:
    """Those of ``grids.csv``; regions of other clouds in the same place are aliases."""
    with _FILE.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            yield Grid(
                name=row["name"],
                grams_per_kwh=float(row["grams_per_kwh"]),
                description=f"{row['where']} in {row['year']}",
                source=row["source"],
                aliases=tuple(row["aliases"].split()),
            )
