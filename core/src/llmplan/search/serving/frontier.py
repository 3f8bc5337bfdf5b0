"""Throughput against latency: the points that no other beats in both, and all points as columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf
from typing import Any

from llmplan.search.serving.limits import Limits
from llmplan.search.serving.points import Point


def axis_of(points: Sequence[Point]) -> str:
    """The latency of the frontier: of a further token, or of the first where there is no other."""
    return "tpot" if any(point.latencies["tpot"] is not None for point in points) else "ttft"


def frontier(points: Sequence[Point], limits: Limits) -> tuple[Point, ...]:
    """Ever more tokens/s of a GPU at ever longer a latency, whatever its own limit is; the other limits hold."""
    axis = axis_of(points)
    others = Limits({name: limit for name, limit in limits.of.items() if name != axis})
    answered = [point for point in points if others.broken(point.latencies) is None]
    found: list[Point] = []
    best = 0.0
    for point in sorted(answered, key=lambda one: (one.latencies[axis] or 0.0, -one.tokens_per_second_per_gpu)):
        if point.tokens_per_second_per_gpu > best:
            best = point.tokens_per_second_per_gpu
            found.append(point)
    return tuple(found)


def row_of(point: Point, limits: Limits) -> dict[str, Any]:
    """What a point is and comes to, in the words of the JSON contract."""
    layout, request, plan = point.layout, point.layout.case.request, point.layout.server.plan
    pool = plan.prefill_pool
    return {
        "model": plan.plan.model.name,
        "gpu": plan.plan.hardware.name,
        "dtype": plan.plan.dtype.name,
        "engine": plan.plan.engine.name,
        "kv_bits": plan.plan.kv_bits,
        "gpus": point.gpus,
        **layout.sizes,
        "dp": point.dp,
        "prefill_gpus": 0 if pool is None else int(pool.layout.gpus),
        "step_tokens": plan.step_tokens,
        "max_sequences": plan.max_sequences,
        "speculative_tokens": request.speculative_tokens or 0,
        "concurrency": point.means.concurrency,
        "first_token_seconds": _known(point.latencies["ttft"]),
        "next_token_seconds": _known(point.latencies["tpot"]),
        "total_seconds": _known(point.latencies["latency"]),
        "requests_per_second": point.means.requests_per_second,
        "tokens_per_second_per_gpu": point.tokens_per_second_per_gpu,
        "cost_per_million_tokens": _known(point.cost_per_million_tokens),
        "feasible": limits.broken(point.latencies) is None,
    }


def _known(value: float | None) -> float:
    """Columns hold numbers: infinity for what does not apply."""
    return inf if value is None else value


def columns_of(points: Iterable[Point], limits: Limits) -> dict[str, Any]:
    """One array a figure, one element a point."""
    import numpy as np

    rows = [row_of(point, limits) for point in points]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]} if rows else {}
