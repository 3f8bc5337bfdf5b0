"""Curves through timings: least squares of log(predicted / measured), in which outliers count in proportion.

Needs numpy and scipy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias, TypeVar

import numpy as np
from attrs import asdict, evolve, frozen
from numpy.typing import NDArray
from scipy.optimize import least_squares

from llmplan.records import AttentionCurve, CollectiveCurve, DecodeCurve, GemmCurve

Array: TypeAlias = NDArray[np.float64]
Curve = TypeVar("Curve", AttentionCurve, CollectiveCurve, DecodeCurve, GemmCurve)
OUTLIER = 0.1
"""The relative error from which on an error counts in proportion, no longer squared."""
NOTHING = 1e-9
"""What a search leaves of a parameter that it drives to zero, in any unit here."""


@frozen
class Parameter:
    """Where a search starts and what it may not leave."""

    start: float
    high: float
    low: float = 0.0


def fit(
    predicted: Callable[[Array], Array], measured: Array, weights: Array, parameters: Sequence[Parameter]
) -> tuple[float, ...]:
    """The parameters with the least sum of weight x error, error the soft L1 norm of log(predicted / measured)."""
    solution = least_squares(
        lambda values: np.sqrt(weights) * np.log(predicted(values) / measured),
        [parameter.start for parameter in parameters],
        bounds=([parameter.low for parameter in parameters], [parameter.high for parameter in parameters]),
        loss="soft_l1",
        f_scale=OUTLIER,
    )
    return tuple(float(value) for value in solution.x)


def short(value: float) -> float:
    """Four significant digits, of what is not next to nothing."""
    return float(f"{value:.4g}") if value > NOTHING else 0.0


def rounded(curve: Curve) -> Curve:
    """A curve with numbers of four digits."""
    return evolve(curve, **{name: short(value) for name, value in asdict(curve).items()})


def errors(predicted: Array, measured: Array) -> str:
    """Mean absolute error and median error, in percent, as text."""
    error = 100.0 * (predicted / measured - 1.0)
    return f"MAE {np.mean(np.abs(error)):4.1f} % bias {np.median(error):+5.1f} % of {len(measured)}"
