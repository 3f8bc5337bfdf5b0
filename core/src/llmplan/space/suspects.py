"""Records of plugins that do more than hold numbers, asked inside the boundary: a nonsense answer is the fault of the
record, not of the cost model that stumbles over it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from math import isfinite
from typing import TYPE_CHECKING, Any

from llmplan.catalogues import MODELS, SCHEDULES
from llmplan.catalogues.guard import Guard, WrongAnswerError
from llmplan.records import LoweredModel
from llmplan.records.schedule import PipelineTimes

if TYPE_CHECKING:
    from llmplan.records import InferencePlan, ModelArchitecture, TrainingPlan

_TIMES = PipelineTimes(others=1.0, others_weights=0.3, own_weights=0.3, p=4.0, v=1.0, m=8.0)


@lru_cache(maxsize=256)
def parameters_of(model: ModelArchitecture) -> int:
    """All of them; a model that can be lowered to no operators is refused here, before anybody counts on it."""
    with Guard(MODELS, getattr(model, "name", "?")):
        _check_lowered(model.lower(1, 16))
        parts = model.parameters_by_part()
        if not isinstance(parts, Mapping):
            raise WrongAnswerError(f"parameters_by_part: returned a {type(parts).__name__}, not a mapping")
        for part, parameters in parts.items():
            _check(f"parameters of {part}", parameters)
    return sum(parts.values())


def check_schedules(plan: TrainingPlan | InferencePlan) -> None:
    """PluginFailedError that names the schedule which answers nonsense, where a cost model fails over a plan."""
    for schedule in getattr(getattr(plan, "schedule", None), "among", ()):
        with Guard(SCHEDULES, schedule.name):
            _check("bubble_seconds", schedule.bubble_seconds(_TIMES))
            _check("in_flight", schedule.in_flight(_TIMES.p, _TIMES.v, _TIMES.m))


def _check_lowered(lowered: Any) -> None:
    if not isinstance(lowered, LoweredModel):
        raise WrongAnswerError(f"lower: returned a {type(lowered).__name__}, not a LoweredModel")
    for block in (lowered.embedding, *lowered.layers, lowered.head):
        _check("layers", block.count)
        for operator in block.operators:
            _check(f"{operator.name}: FLOPs", operator.flops)


def _check(what: str, value: Any) -> None:
    if not (isinstance(value, (int, float)) and isfinite(value) and value >= 0):
        raise WrongAnswerError(f"{what}: is {value!r}, not a finite number of zero or more")
