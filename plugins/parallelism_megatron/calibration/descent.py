"""Coordinate descent: one constant after the other is moved up and down as long as the error falls.

Each step against a penalty for leaving where it started, so that a constant that the rows say nothing of stays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import log
from typing import TypeVar

K = TypeVar("K")
ROUNDS, FIRST_STEP, TRIES = 3, 0.12, 6
PENALTY = 0.004
"""Of a constant that has moved by half."""
NOTHING = 1e-9


def descend(
    start: Mapping[K, float],
    limits: Callable[[K], tuple[float, float]],
    error: Callable[[Mapping[K, float]], float],
    *,
    penalty: float = PENALTY,
) -> dict[K, float]:
    """Move one constant after the other, in smaller and smaller steps."""
    values, step = dict(start), FIRST_STEP

    def cost(tried: Mapping[K, float]) -> float:
        moved = (log(max(tried[constant], NOTHING) / max(start[constant], NOTHING)) / log(1.5) for constant in start)
        return error(tried) + penalty * sum(distance**2 for distance in moved)

    best = cost(values)
    for _ in range(ROUNDS):
        for constant in start:
            low, high = limits(constant)
            for factor in (1.0 + step, 1.0 / (1.0 + step)):
                for _ in range(TRIES):
                    tried = {**values, constant: min(max(values[constant] * factor, low), high)}
                    found = cost(tried)
                    if found >= best:
                        break
                    values, best = tried, found
        step /= 2.0
    return values
