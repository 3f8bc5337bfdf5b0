"""A comparison as one JSON object, as a table for people, and as files with one line a plan."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from llmplan.output.columns import columns
from llmplan.output.document import SCHEMA, document
from llmplan.output.export import escaped, figures
from llmplan.records import Comparison

_WIDE = 250
"""Of a file, which nobody reads on a terminal."""


def comparison_document(comparison: Comparison) -> dict[str, Any]:
    """What ``--json`` prints. The plans have the same keys: those of one that cannot be priced are None."""
    plans = rows(comparison)
    keys = dict.fromkeys(key for row in plans for key in row)
    return {
        "schema": f"llmplan.compare/{SCHEMA}",
        "command": comparison.command,
        "varied": {name: list(values) for name, values in comparison.varied.items()},
        "rows": [{**keys, **row} for row in plans],
    }


def rows(comparison: Comparison) -> list[dict[str, Any]]:
    """The plans: what varies, why one was refused, and what its own command prints."""
    return [
        {
            "varied": dict(variant.varied),
            "refused": variant.refused,
            **({} if variant.estimate is None else document(variant.estimate)),
        }
        for variant in comparison.variants
    ]


def comparison_as_json(comparison: Comparison) -> str:
    """The JSON contract."""
    return json.dumps(comparison_document(comparison), indent=2) + "\n"


def comparison_as_table(comparison: Comparison) -> str:
    """A line a plan, as wide as the terminal."""
    from llmplan.output.comparison_report import report

    return report(comparison)


def comparison_to_json(comparison: Comparison) -> bytes:
    """What ``--json`` prints."""
    return comparison_as_json(comparison).encode()


def comparison_to_csv(comparison: Comparison) -> bytes:
    """A line a plan, a column for each figure of the JSON contract."""
    lines = [dict(figures(row)) for row in rows(comparison)]
    heads = list(dict.fromkeys(head for line in lines for head in line))
    text = io.StringIO()
    writer = csv.DictWriter(text, heads, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue().encode()


def comparison_to_markdown(comparison: Comparison) -> bytes:
    """The table for people."""
    plans = rows(comparison)
    shown = columns(comparison.varied, plans)
    lines = [
        [column.heading for column in shown],
        ["---:" if column.right else "---" for column in shown],
        *([column.text(row) for column in shown] for row in plans),
    ]
    return "".join(f"| {' | '.join(escaped(cell) for cell in line)} |\n" for line in lines).encode()


def comparison_to_text(comparison: Comparison) -> bytes:
    """The table for people, without colour."""
    from llmplan.output.comparison_report import report

    return report(comparison, _WIDE).encode()
