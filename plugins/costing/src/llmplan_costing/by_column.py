"""Plans of arrays, priced column by column: once for each combination of the fields that a formula depends on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from operator import attrgetter
from typing import Any, TypeAlias

from attrs import evolve

from llmplan.arrays.quantities import Number
from llmplan.estimate.training import TrainingEstimate
from llmplan.records import Schedules, TrainingPlan

_SCHEDULE = "schedule.which"
_FIELDS = (
    *("layout.tp", "layout.cp", "layout.ep", "layout.pp", "layout.dp", "layout.gpus", "layout.zero"),
    *("layout.zero_group", "layout.sequence_parallel", "micro_batch", "seq_len", "gradient_accumulation"),
    *("layout.vpp", _SCHEDULE, "recompute", "offload_activations", "offload_optimizer", "offload_parameters"),
)
"""Sizes of groups first, which decide on most others; at the end what few formulas ask for."""
_values = attrgetter(*_FIELDS)

Filled: TypeAlias = Callable[[Any], Any]
"""Makes an array of a column, one element a plan."""


@contextmanager
def by_column(plan: TrainingPlan) -> Iterator[tuple[TrainingPlan, Filled]]:
    """The plan with columns in the place of arrays, and what makes arrays of columns; a plan of numbers as it is."""
    arrays = _arrays(plan)
    if not arrays:
        yield plan, lambda value: value
        return
    from llmplan_costing.columns import columns, in_full

    plans = len(next(iter(arrays.values())))
    with columns(arrays) as fields:
        layout: dict[str, Any] = {
            name.removeprefix("layout."): value for name, value in fields.items() if name.startswith("layout.")
        }
        run: dict[str, Any] = {name: value for name, value in fields.items() if "." not in name}
        if _SCHEDULE in fields and isinstance(plan.schedule, Schedules):
            run["schedule"] = plan.schedule.at(fields[_SCHEDULE])
        yield evolve(plan, layout=evolve(plan.layout, **layout), **run), lambda value: in_full(value, plans)


def _arrays(plan: TrainingPlan) -> dict[str, Any]:
    held = zip(_FIELDS, _values(plan), strict=True)
    return {name: value for name, value in held if getattr(value, "ndim", 0)}


def priced_by_column(price: Callable[[TrainingPlan], TrainingEstimate], plan: TrainingPlan) -> TrainingEstimate:
    """The estimate of a plan, of which `price` sees what `by_column` makes of it."""
    if not _arrays(plan):
        return price(plan)
    with by_column(plan) as (seen, filled):
        estimate = price(seen)

        def lines(breakdown: Mapping[str, Number]) -> dict[str, Number]:
            return {name: filled(line) for name, line in breakdown.items()}

        return evolve(
            estimate,
            plan=plan,
            time_breakdown=lines(estimate.time_breakdown),
            forward_breakdown=lines(estimate.forward_breakdown or {}),
            memory_breakdown=lines(estimate.memory_breakdown),
            model_flops=filled(estimate.model_flops),
            hardware_flops=filled(estimate.hardware_flops),
            host_bytes_per_gpu=None,
            first_stage_memory=None,
        )
