"""A training plan in the words of options."""

from __future__ import annotations

from typing import Any

from llmplan.estimate import TrainingEstimate
from llmplan.records import TrainingPlan
from llmplan.space import dimensions


def changes(estimate: TrainingEstimate, other: TrainingEstimate) -> dict[str, Any]:
    """What the other plan decides otherwise, in the words of options."""
    mine = training_words(estimate.plan)
    return {name: value for name, value in training_words(other.plan).items() if value != mine[name]}


def training_words(plan: TrainingPlan) -> dict[str, Any]:
    """What a search decides on, in the words of options; micro-batch and accumulation in one."""
    records = {"model": plan.model.name, "gpu": plan.hardware.name, "dtype": plan.dtype.name}
    words = {**records, **dimensions.described(plan)}
    times = words.pop("gradient-accumulation")
    return {**words, "micro-batch": f"{words['micro-batch']}x{times}"}


def value_words(value: Any) -> str:
    """Of an option."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:g}"
    return f"{value:,}" if isinstance(value, int) else "all" if value is None else str(value)
