"""The core's own formats: of an estimate, a comparison or the result of a search."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from llmplan.output.document import document, rows

if TYPE_CHECKING:
    from llmplan.estimate import Comparison


def as_json(of: Any) -> str:
    """The JSON contract, on one object of indented lines."""
    return json.dumps(document(of), indent=2) + "\n"


def to_json(of: Any) -> bytes:
    """The bytes of what ``--json`` prints."""
    return as_json(of).encode()


def to_csv(of: Any) -> bytes:
    """Two columns: the path of a figure in the JSON contract, and its value."""
    import csv
    import io

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("figure", "value"))
    writer.writerows((path, plain_cell(value)) for path, value in paths(document(of)))
    return text.getvalue().encode()


def comparison_to_csv(comparison: Comparison) -> bytes:
    """A line a plan, a column for each figure of the JSON contract."""
    import csv
    import io

    lines = [{path: plain_cell(value) for path, value in paths(row)} for row in rows(comparison)]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(head for line in lines for head in line)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue().encode()


def plain_cell(value: Any) -> Any:
    """A cell of CSV that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def paths(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Each figure with its path: ``layout.tp``, ``warnings.0``."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from paths(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from paths(inner, f"{path}.{index}")
    else:
        yield path, "" if value is None else value
