"""The JSON contract of a comparison: its plans as plain values, each as its own command prints it."""

from __future__ import annotations

from typing import Any

from llmplan.estimate import Comparison
from llmplan.output.document import SCHEMA, document


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
