"""Plans in the words of options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmplan.request import option_name
from llmplan.space import dimensions
from llmplan.space.dimensions import SERVED, served

if TYPE_CHECKING:
    from llmplan.estimate import ServerEstimate, TrainingEstimate
    from llmplan.records import TrainingPlan


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


def server_words(estimate: ServerEstimate) -> dict[str, Any]:
    """What a search decides on, in the words of options."""
    server, plan = estimate.server, estimate.plan
    return {
        "model": plan.model.name,
        "gpu": plan.hardware.name,
        "dtype": plan.dtype.name,
        "engine": plan.engine.name,
        **{option_name(name): SERVED[name].read(server) for name in served("replica", "group", "pool", "case")},
    }
