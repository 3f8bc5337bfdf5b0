"""A prediction that asks for a figure that there is not."""

from __future__ import annotations

from llmplan import hookimpl

PLAN = {"model": "llama-7b", "gpu": "a100-sxm-80gb", "gpus": 8, "tp": 1, "pp": 1, "global_batch": 64}


@hookimpl
def llmplan_validation_sets():
    from llmplan.records import ValidationRow, ValidationSet

    row = ValidationRow(
        id="planted",
        table="t",
        metric="iteration_time_s",
        command="train",
        options={**PLAN},
        measured=7.0,
        predict=lambda estimate: estimate.seconds_per_step,
        shown=float,
    )
    return [ValidationSet(name="planted", description="planted", rows=lambda: [row])]
