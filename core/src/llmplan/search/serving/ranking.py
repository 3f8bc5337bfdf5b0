"""Which plan comes first: by objective, then by the time of an answer, then in the order of the listing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from llmplan.errors import BadInputError
from llmplan.estimate import ServerEstimate
from llmplan.search.serving.points import Point

OBJECTIVES: Mapping[str, Callable[[Any], float]] = {
    "throughput": lambda plan: -plan.tokens_per_second_per_gpu,
    "cost": lambda plan: plan.cost_per_million_tokens,
    "gpus": lambda plan: float(plan.gpus if isinstance(plan, Point) else plan.server.gpus),
}
"""Less is better; of a point in closed form, or of the estimate of a plan."""


def rank(objective: str, plan: Point | ServerEstimate) -> tuple[float, float]:
    """The smaller the better."""
    total = plan.latencies["latency"] if isinstance(plan, Point) else plan.total_seconds
    return OBJECTIVES[objective](plan), total or 0.0


def check(objective: str, *, at_a_rate: bool, priced: bool) -> None:
    """BadInputError where a figure is asked for that will not be known."""
    if objective == "gpus" and not at_a_rate:
        raise BadInputError("objective: gpus needs --rate or --trace: the fewest GPUs for what?")
    if objective == "cost" and not priced:
        raise BadInputError("objective: cost is not known without --price-per-gpu-hour")
