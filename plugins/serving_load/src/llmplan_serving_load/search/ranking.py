"""Which plan comes first: one that holds its load, by objective, then by the time of an answer, then as listed.

Figures count at the upper end of their range, with the confidence that was asked for: what one can count on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from llmplan.errors import BadInputError
from llmplan.estimate import ServerEstimate
from llmplan.estimate.figure import HIGH, Figure
from llmplan.estimate.figures import SERVER, objectives
from llmplan_serving_load.search.points import Part, Point


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
    return point.strained, _counted_on(objective, estimate or point, point.doubt), (total or 0.0) * point.doubt


def _counted_on(objective: str, plan: Any, doubt: Any) -> Any:
    """The figure at the upper end of its range: tokens may take longer than estimated."""
    figure = OBJECTIVES[objective](plan)
    return figure if objective == "gpus" else figure / doubt if objective == "throughput" else figure * doubt


def first_of(objective: str, points: Part, kept: Any) -> Point:
    """The best of those that are kept."""
    which = np.flatnonzero(kept)
    figure = np.broadcast_to(_counted_on(objective, points, points.doubt), len(points.at))[which]
    order = np.lexsort(((points.total_seconds * points.doubt)[which], figure, points.strained[which]))
    return points.point(int(which[order[0]]))


def check(objective: str, *, at_a_rate: bool, priced: bool) -> None:
    """BadInputError where a figure is asked for that will not be known."""
    if objective == "gpus" and not at_a_rate:
        raise BadInputError("objective: gpus needs --rate or --trace: the fewest GPUs for what?")
    if objective == "cost" and not priced:
        raise BadInputError("objective: cost is not known without --price")
