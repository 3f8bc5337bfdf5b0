"""Plans of arrays, priced by the combinations of their fields."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias

from attrs import evolve

from llmplan.quantities import Number
from llmplan.records import TrainingEstimate, TrainingPlan

_OF_LAYOUT = ("tp", "cp", "ep", "pp", "dp", "gpus", "zero", "zero_group", "sequence_parallel", "vpp")
_FIELDS = (
    *("tp", "cp", "ep", "pp", "dp", "gpus", "zero", "zero_group", "sequence_parallel", "micro_batch", "seq_len"),
    *("gradient_accumulation", "vpp", "schedule", "recompute", "offload_activations", "offload_optimizer"),
)
"""Sizes of groups first, which decide on most others; at the end what few formulas ask for."""

Filled: TypeAlias = Callable[[Any], Any]
"""Makes an array of a column, one element a plan."""


@contextmanager
def combined(plan: TrainingPlan) -> Iterator[tuple[TrainingPlan, Filled]]:
    """The plan with columns in the place of arrays, and what makes arrays of columns; a plan of numbers as it is."""
    held = {name: getattr(plan.layout if name in _OF_LAYOUT else plan, name) for name in _FIELDS}
    arrays = {name: value for name, value in held.items() if hasattr(value, "__array_namespace__")}
    if not arrays:
        yield plan, lambda value: value
        return
    from llmplan.columns import columns, in_full

    plans = len(next(iter(arrays.values())))
    with columns(arrays) as fields:
        layout: dict[str, Any] = {name: fields[name] for name in fields if name in _OF_LAYOUT}
        run: dict[str, Any] = {name: fields[name] for name in fields if name not in _OF_LAYOUT}
        yield evolve(plan, layout=evolve(plan.layout, **layout), **run), lambda value: in_full(value, plans)


def by_combination(price: Callable[[TrainingPlan], TrainingEstimate], plan: TrainingPlan) -> TrainingEstimate:
    """The estimate of a plan, of which `price` sees what `combined` makes of it."""
    with combined(plan) as (seen, filled):
        estimate = price(seen)
        if seen is plan:
            return estimate

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
        )
