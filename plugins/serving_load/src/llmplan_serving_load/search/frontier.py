"""Throughput against latency: the points that no other beats in both, and all points as columns."""

from __future__ import annotations

from typing import Any

import numpy as np

from llmplan.estimate.figures import SERVER, objectives
from llmplan.space.dimensions import SERVED, served
from llmplan.space.server_sizes import SIZES
from llmplan_serving_load.search.fleet import Fleet
from llmplan_serving_load.search.limits import LATENCIES, Limits
from llmplan_serving_load.search.points import Part, Points

_WORTH_DOUBLING = 0.9
"""Of the latency that may be left where a given load takes twice the GPU time: nobody pays twice for less."""


def axis_of(points: Points) -> str:
    """The latency of the frontier: of a further token, or of the first where there is no other."""
    return "tpot" if (points.latency("tpot") < np.inf).any() else "ttft"


def frontier(
    points: Points, columns: dict[str, Any], limits: Limits, *, load_given: bool
) -> tuple[dict[str, Any], ...]:
    """Ever more tokens/s of a GPU at ever longer a latency, whatever its own limit is; the other limits hold. Rows of
    the `columns_of` these points, in the words of the JSON contract. Of a load that is given, what more GPUs hardly
    hasten is left out.
    """
    if not len(points):
        return ()
    axis = axis_of(points)
    answered = np.flatnonzero(~np.concatenate([limits.breaks(part, but=axis) for part in points.parts]))
    throughput = points.column(objectives(SERVER)["throughput"].key)
    speed, latency = throughput[answered], points.latency(axis)[answered]
    order = np.lexsort((-speed, latency))
    best = np.maximum.accumulate(speed[order])
    first = order[np.diff(best, prepend=0.0) > 0]
    if load_given:
        first = first[_worth_their_gpus(speed[first], latency[first])]
    rows = zip(*(column[answered[first]].tolist() for column in columns.values()), strict=True)
    return tuple(dict(zip(columns, row, strict=True)) for row in rows)


def _worth_their_gpus(speed: Any, latency: Any) -> list[int]:
    """Positions of those that shorten the latency enough for what they take more than the next one that is listed."""
    listed: list[int] = []
    for at in reversed(range(len(speed))):
        doublings = np.log2(speed[listed[-1]] / speed[at]) if listed else 0.0
        if not listed or latency[at] <= latency[listed[-1]] * _WORTH_DOUBLING**doublings:
            listed.append(at)
    return listed[::-1]


_RATES = ("requests_per_second", *(figure.key for figure in objectives(SERVER).values() if "token" in figure.key))
"""What a point comes to beside its latencies."""


def columns_of(points: Points, limits: Limits) -> dict[str, Any]:
    """One array a figure, one element a point."""
    parts = [_columns(part, limits) for part in points.parts]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]} if parts else {}


def _columns(part: Part, limits: Limits) -> dict[str, Any]:
    many, column = len(part.at), part.fleet.column
    sizes = {name: column[name][part.at].astype(int) for name in SIZES if name != "dp"}
    apart = np.array([part.fleet.case.apart(one) for one in part.fleet.sizes])
    found = {
        **_named(part.fleet),
        "gpus": part.gpus.astype(int),
        **sizes,
        "dp": part.dp.astype(int),
        "prefill_gpus": apart[part.at],
        **_batching(part.fleet),
        "concurrency": part.concurrency,
        **{name: getattr(part, name) for name in (*LATENCIES.values(), *_RATES)},
        "feasible": ~limits.breaks(part),
        "extrapolated": part.fleet.extrapolated[part.at],
    }
    return {name: np.broadcast_to(np.asarray(value), many) for name, value in found.items()}


def _named(fleet: Fleet) -> dict[str, Any]:
    plan = fleet.like.plan
    return {
        "model": plan.model.name,
        "gpu": plan.hardware.name,
        "dtype": plan.dtype.name,
        "engine": plan.engine.name,
    }


def _batching(fleet: Fleet) -> dict[str, Any]:
    """What is one for all layouts of a case."""
    return {name: SERVED[name].read(fleet.like) for name in served("case")}
