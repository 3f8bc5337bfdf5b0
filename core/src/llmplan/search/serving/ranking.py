"""Which plan comes first: one that holds its load, by objective, then by the time of an answer, then as listed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from llmplan.errors import BadInputError
from llmplan.estimate import ServerEstimate
from llmplan.search.serving.points import Part, Point

OBJECTIVES: Mapping[str, Callable[[Any], Any]] = {
    "throughput": lambda plan: -plan.tokens_per_second_per_gpu,
    "cost": lambda plan: plan.cost_per_million_tokens,
    "gpus": lambda plan: 1.0 * (plan.server.gpus if isinstance(plan, ServerEstimate) else plan.gpus),
}
"""Less is better; of one point, of many, or of the estimate of a plan."""
Rank: TypeAlias = tuple[bool, float, float]


def rank(objective: str, point: Point, estimate: ServerEstimate | None = None) -> Rank:
    """The smaller the better; by its estimate, where that is known, else in closed form."""
    total = point.means.total_seconds if estimate is None else estimate.total_seconds
    return point.strained, OBJECTIVES[objective](estimate or point), total or 0.0


def first_of(objective: str, points: Part, kept: Any) -> Point:
    """The best of those that are kept."""
    which = np.flatnonzero(kept)
    figure = np.broadcast_to(OBJECTIVES[objective](points), len(points.at))[which]
    order = np.lexsort((points.total_seconds[which], figure, points.strained[which]))
    return points.point(int(which[order[0]]))


def check(objective: str, *, at_a_rate: bool, priced: bool) -> None:
    """BadInputError where a figure is asked for that will not be known."""
    if objective == "gpus" and not at_a_rate:
        raise BadInputError("objective: gpus needs --rate or --trace: the fewest GPUs for what?")
    if objective == "cost" and not priced:
        raise BadInputError("objective: cost is not known without --price-per-gpu-hour")
