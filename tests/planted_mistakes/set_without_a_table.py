"""A set whose table is not there."""

from __future__ import annotations

from llmplan import hookimpl


@hookimpl
def llmplan_validation_sets():
    from pathlib import Path

    from llmplan.records import ValidationSet

    return [ValidationSet(name="planted", description="planted", table=Path("no-such-table.csv"))]
