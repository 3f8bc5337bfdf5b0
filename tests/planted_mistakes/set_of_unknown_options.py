"""A plan in the options of another program."""

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
        options={**PLAN, "tensor_parallel": 2},
        measured=7.0,
        predict=lambda estimate: estimate.iteration_seconds,
        shown=float,
    )
    return [ValidationSet(name="planted", description="planted", rows=lambda: [row])]
