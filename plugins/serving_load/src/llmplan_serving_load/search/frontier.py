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


def axis_of(points: Points) -> str:
    """The latency of the frontier: of a further token, or of the first where there is no other."""
    return "tpot" if (points.latency("tpot") < np.inf).any() else "ttft"


def frontier(points: Points, columns: dict[str, Any], limits: Limits) -> tuple[dict[str, Any], ...]:
    """Ever more tokens/s of a GPU at ever longer a latency, whatever its own limit is; the other limits hold. Rows of
    the `columns_of` these points, in the words of the JSON contract.
    """
    if not len(points):
        return ()
    axis = axis_of(points)
    answered = np.flatnonzero(~np.concatenate([limits.breaks(part, but=axis) for part in points.parts]))
    throughput = points.column(objectives(SERVER)["throughput"].key)
    speed, latency = throughput[answered], points.latency(axis)[answered]
    order = np.lexsort((-speed, latency))
    best = np.maximum.accumulate(speed[order])
    first = np.diff(best, prepend=0.0) > 0
    rows = zip(*(column[answered[order[first]]].tolist() for column in columns.values()), strict=True)
    return tuple(dict(zip(columns, row, strict=True)) for row in rows)


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
