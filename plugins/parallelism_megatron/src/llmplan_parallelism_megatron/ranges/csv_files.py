"""CSV files with a line of columns first."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any


def read_rows(path: Path) -> list[dict[str, str]]:
    """By column."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def in_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """The text of a file."""
    import io

    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
