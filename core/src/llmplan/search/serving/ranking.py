"""Which plan comes first: one that holds its load, by objective, then by the time of an answer, then as listed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from llmplan.errors import BadInputError
from llmplan.estimate import ServerEstimate
from llmplan.estimate.figures import HIGH, SERVER, Figure, objectives
from llmplan.search.serving.points import Part, Point


def _less_is_better(plan: Any, figure: Figure) -> Any:
    """Of one point, of many, or of the estimate of a plan."""
    named = figure.key.rpartition(".")[2]
    value = figure.value(plan) if isinstance(plan, ServerEstimate) else getattr(plan, named)
    return None if value is None else (-1.0 if figure.better == HIGH else 1.0) * value


OBJECTIVES: Mapping[str, Callable[[Any], Any]] = {
    word: partial(_less_is_better, figure=figure) for word, figure in objectives(SERVER).items()
}
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
