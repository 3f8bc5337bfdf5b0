"""The timings that a folder holds, as rows of its CSV files."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

Row = Mapping[str, str]


class Timings:
    """The rows of the folder."""

    def __init__(self, folder: Path) -> None:
        self.gemms, self.attention, self.collectives, self.bandwidth = (
            list(csv.DictReader((folder / f"other_{name}.csv").read_text(encoding="utf-8").splitlines()))
            for name in ("gemm", "attention", "collectives", "bandwidth")
        )

    def gemm_rows(self, chip: str, dtypes: Sequence[str], *words: str, of_note: str = "") -> list[Row]:
        """Those of a chip in these formats whose timing begins with one of the words."""
        return [
            row
            for row in self.gemms
            if row["accelerator"] == chip
            and row["dtype"] in dtypes
            and row["timing"].startswith(words or ("",))
            and of_note in row["note"]
        ]

    def share_of_peak(self, chip: str, operation: str) -> float:
        """Of the memory's bandwidth, that an operation reached."""
        return next(
            float(row["frac_of_peak"]) for row in self.bandwidth if (row["accelerator"], row["op"]) == (chip, operation)
        )
