"""CSV files with a line of columns first."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any


def read_rows(path: Path) -> list[dict[str, str]]:
    """Read the rows of a CSV file, each by column."""
    return rows_of(path.read_text(encoding="utf-8"))


def rows_of(text: str) -> list[dict[str, str]]:
    """The same of the text of a file."""
    return list(csv.DictReader(io.StringIO(text)))


def in_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Write rows as the text of a CSV file."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
