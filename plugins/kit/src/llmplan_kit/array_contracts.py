"""Contracts of cost models that take arrays of layouts: each plan of an array comes out as it would alone.

`llmplan.testing` is the door to them. numpy is imported here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
from attrs import evolve

from llmplan.errors import BadInputError
from llmplan.estimate import CostModel
from llmplan.estimate.figures import ITERATION, MEMORY
from llmplan.records import TrainingPlan
from llmplan.space.dimensions import NAMES
from llmplan_kit.contracts import require

_ROUNDING = 1e-9
_LAYOUTS: Sequence[Mapping[str, Any]] = (
    {},
    {"tp": 2, "sequence_parallel": True},
    {"pp": 2, "zero": 1},
    {"tp": 2, "pp": 3, "zero": 3},
    {"tp": 3},
    {"ep": 5},
    {"pp": 1_000},
)
"""Some of them illegal, for most models."""
_BATCHES = ({"micro_batch": 1, "recompute": 0}, {"micro_batch": 2, "recompute": 4})
_SIZES = tuple(name for name in NAMES if name == "gpus" or any(name in layout for layout in _LAYOUTS))
_NUMBERS = tuple(_BATCHES[0])


def check_arrays(name: str, cost_model: CostModel, plan: TrainingPlan) -> None:
    """`train` of arrays, and where the cost model has them `illegal`, `worded` and `bounds`."""
    plans = [_laid_out(plan, layout, batch) for layout, batch in product(_LAYOUTS, _BATCHES)]
    words = [_words(cost_model, one) for one in plans]
    illegal, worded, bounds = (getattr(cost_model, method, None) for method in ("illegal", "worded", "bounds"))
    if illegal is not None:
        refused = np.any([_each(rule, plans) for rule in illegal(_together(plans)).values()], axis=0)
        _agree(f"{name}: illegal", refused, [said is None for said in words], plans)
    legal = [one for one, said in zip(plans, words, strict=True) if said is not None]
    together = _together(legal)
    if worded is not None:
        _agree(f"{name}: worded", worded(together), [bool(said) for said in words if said is not None], legal)
    alone, estimate = [cost_model.train(one) for one in legal], cost_model.train(together)
    lowest = (0.0, 0.0) if bounds is None else bounds(together)
    for figure, bound in zip((ITERATION.key, MEMORY.key), lowest, strict=True):
        figures = [getattr(one, figure) for one in alone]
        _agree(f"{name}: {figure}", getattr(estimate, figure), figures, legal)
        for one, least, value in zip(legal, _each(bound, legal), figures, strict=True):
            above = least > value * (1 + _ROUNDING)
            require(not above, f"{name}: bounds: {figure}: {least} is above {value} of {_said(one)}")


def _laid_out(plan: TrainingPlan, layout: Mapping[str, Any], batch: Mapping[str, Any]) -> TrainingPlan:
    laid_out = evolve(plan.layout, **{"tp": 1, "pp": 1, **layout})
    gpus = laid_out.tp * laid_out.pp * laid_out.dp * laid_out.cp
    return evolve(plan, layout=evolve(laid_out, gpus=gpus), **batch)


def _words(cost_model: CostModel, plan: TrainingPlan) -> tuple[str, ...] | None:
    """None where the cost model refuses the plan."""
    try:
        return cost_model.check(plan)
    except BadInputError:
        return None


def _together(plans: Sequence[TrainingPlan]) -> TrainingPlan:
    """One plan of arrays."""
    sizes: dict[str, Any] = {name: _column([getattr(plan.layout, name) for plan in plans]) for name in _SIZES}
    numbers: dict[str, Any] = {name: _column([getattr(plan, name) for plan in plans]) for name in _NUMBERS}
    return evolve(plans[0], layout=evolve(plans[0].layout, **sizes), **numbers)


def _column(values: Sequence[float]) -> Any:
    return np.array(values, dtype=bool if isinstance(values[0], bool) else float)


def _each(values: Any, plans: Sequence[TrainingPlan]) -> Any:
    return np.broadcast_to(values, len(plans))


def _agree(what: str, arrays: Any, alone: Sequence[float], plans: Sequence[TrainingPlan]) -> None:
    for plan, value, expected in zip(plans, _each(arrays, plans), alone, strict=True):
        same = abs(float(value) - expected) <= _ROUNDING * abs(expected)
        require(same, f"{what}: {value} for an array of layouts, {expected} alone, of {_said(plan)}")


def _said(plan: TrainingPlan) -> str:
    return " ".join(f"{name} {getattr(plan.layout, name):g}" for name in _SIZES)
