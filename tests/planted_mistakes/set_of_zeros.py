"""A published figure of 0."""

from __future__ import annotations

from llmplan import hookimpl


@hookimpl
def llmplan_validation_sets():
    from llmplan.records import ValidationRow, ValidationSet

    row = ValidationRow(id="a", table="t", metric="iteration_time_s", command="train", options={}, measured=0.0,
                        predict=lambda _: 1.0, shown=float)  # fmt: skip
    return [ValidationSet(name="planted", description="planted", rows=lambda: [row])]
