"""What plans are compared by, and what they have to keep to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from attrs import field, frozen

from llmplan.arrays.quantities import Number
from llmplan.errors import BadInputError

Estimate: TypeAlias = Any
"""Of a plan, or of an array of them: `TrainingEstimate` or `InferenceEstimate`."""


def _time(estimate: Estimate) -> Number:
    """With failures where the plan has any."""
    seconds: Number = estimate.training_seconds if estimate.plan.failures is None else estimate.wall_clock_seconds
    return seconds


FIGURES: Mapping[str, Callable[[Estimate], Number | None]] = {
    "time": _time,
    "cost": lambda estimate: estimate.cost,
    "gpu-hours": lambda estimate: estimate.gpu_hours,
    "energy": lambda estimate: estimate.energy_kwh,
    "gpus": lambda estimate: estimate.plan.layout.gpus,
    "memory": lambda estimate: estimate.memory_bytes_per_gpu,
}
"""Less is better, of each."""
HEADROOM = 0.05
"""Of memory, left for what a cost model does not count or may be off by."""
OBJECTIVES: Mapping[str, tuple[str, ...]] = {
    "time": ("time", "gpu-hours"),
    "cost": ("cost", "time"),
    "gpu-hours": ("gpu-hours", "time"),
    "energy": ("energy", "time"),
    "gpus": ("gpus", "time"),
    "memory": ("memory", "time"),
}
"""The figure to be least, and the one that decides among equals."""
_NEEDS = {"cost": "--price-per-gpu-hour", "energy": "an accelerator whose TDP is known (tdp_w)"}


def figure(estimate: Estimate, name: str) -> Number:
    """BadInputError where the plan lacks what it needs."""
    value = FIGURES[name](estimate)
    if value is None:
        raise BadInputError(f"{name}: not known without {_NEEDS[name]}")
    return value


@frozen(eq=False)
class Constraint:
    """What a plan has to keep to: a figure that must not exceed a limit."""

    name: str
    figure: str
    limit: float | None = None
    share_of_memory: float | None = field(default=None)
    """Instead of a limit: of the accelerator's memory."""

    def limit_of(self, estimate: Estimate) -> float:
        """For the accelerator of the plan."""
        if self.share_of_memory is None:
            return float(self.limit or 0.0)
        return self.share_of_memory * float(estimate.memory_capacity_bytes)

    def met(self, estimate: Estimate) -> Any:
        """Whether each plan keeps to it."""
        return figure(estimate, self.figure) <= self.limit_of(estimate)


def constraints(headroom: float, finish_within: float | None, budget: float | None) -> tuple[Constraint, ...]:
    """In the order in which they are asked about."""
    memory = Constraint("memory", "memory", share_of_memory=1.0)
    room = [Constraint("memory-headroom", "memory", share_of_memory=1.0 - headroom)] if headroom else []
    deadline = [] if finish_within is None else [Constraint("finish-within", "time", finish_within)]
    money = [] if budget is None else [Constraint("budget", "cost", budget)]
    return (memory, *room, *deadline, *money)
