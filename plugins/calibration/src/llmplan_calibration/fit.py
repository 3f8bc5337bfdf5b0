"""Factors from measured runs: a linear Gaussian model of logarithms, shrunk towards the published rates.

    log(measured / predicted) = J b + e,    b ~ N(0, t^2),    e ~ N(0, c s^2)

b are the logarithms of the factors, J how the logarithm of each prediction changes with them, so that a run tells only
of the rates that its time depends on. The variance of published runs of its kind, which its range states, is divided in
two: t^2 J J' is what runs of one place have in common, s^2 what is each run's own. The scatter c begins at 1, worth as
much as `_WORTH` runs, and follows the residuals of the own ones. Predictions are no straight lines: J is taken again at
what it led to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import log
from statistics import median
from typing import Any

import numpy as np
from attrs import frozen

from llmplan_calibration.sample import UNCHANGED, Rates, Sample
from llmplan_calibration.site import RATES, Factor, Fitted

_STEP = 0.02
_ROUNDS = 2
_WORTH = 10.0
"""Runs that the published scatter counts for."""
_LEAST_SHARE = 0.02
"""Of the time, below which a run does not tell of a rate."""
_MOST = 8.0
"""Times that a factor is at most off from published: beyond that the plan is another one than stated."""


@frozen(eq=False, repr=False)
class Fit:
    """What runs of an accelerator in a phase have shown."""

    samples: Sequence[Sample]
    fitted: Fitted
    before: tuple[float, ...]
    """Relative errors of the predictions, at published rates."""
    after: tuple[float, ...]
    """The same at the rates of the site, which these runs have made."""
    left_out: tuple[float, ...]
    """The same at the rates that all others make: what to expect of the next run."""
    informed: tuple[int, ...]
    """By rate: runs whose time depends on it."""
    kept: tuple[float, ...]
    """By run: what is left of the variance that the factors had before, of the rates that its time depends on."""

    @property
    def rates(self) -> Rates:
        """The factors on the rates that the fit has found."""
        return tuple(one.factor for one in self.fitted.factors)


@frozen(eq=False, repr=False)
class _Linear:
    """Predictions around some rates."""

    off: Any
    """Logarithms of measured over predicted, as at published rates."""
    slopes: Any
    """J: by run and rate."""


def fit(samples: Sequence[Sample]) -> Fit:
    """Of runs of one accelerator in one phase, at least one."""
    here = linear(samples, UNCHANGED)
    prior = _prior(samples, here.slopes)
    weights = _weights(samples, here.slopes)
    own = np.array([one.scatter for one in samples]) * weights
    for _ in range(_ROUNDS):
        mean, covariance, scatter = posterior(here, prior, own, 1.0 / weights)
        by = rates_of(mean)
        here = linear(samples, by)
    mean, covariance, scatter = posterior(here, prior, own, 1.0 / weights)
    by = rates_of(mean)
    return Fit(
        samples=samples,
        fitted=_fitted(mean, covariance, scatter, prior, samples, weights),
        before=tuple(one.predict(UNCHANGED) / one.measured - 1.0 for one in samples),
        after=tuple(one.predict(by) / one.measured - 1.0 for one in samples),
        left_out=_left_out(samples, here, prior, own, weights),
        informed=tuple(int((abs(column) > _LEAST_SHARE).sum()) for column in here.slopes.T),
        kept=tuple(_kept(row, covariance, prior) for row in here.slopes),
    )


def _kept(slopes: Any, covariance: Any, prior: Any) -> float:
    before = float(slopes**2 @ prior)
    return min(float(slopes @ covariance @ slopes) / before, 1.0) if before > 0 else 1.0


def linear(samples: Sequence[Sample], by: Rates) -> _Linear:
    """Each prediction once, and once for each rate a little higher."""
    at = np.log(by)
    off, slopes = [], []
    for one in samples:
        predicted = log(one.predict(by))
        of_each = [(log(one.predict(_with(by, place))) - predicted) / log(1.0 + _STEP) for place in range(len(RATES))]
        slopes.append(of_each)
        off.append(log(one.measured) - predicted + float(np.dot(of_each, at)))
    return _Linear(np.array(off), np.array(slopes))


def _with(by: Rates, place: int) -> Rates:
    return tuple(one * (1.0 + _STEP) if at == place else one for at, one in enumerate(by))


def posterior(here: _Linear, prior: Any, own: Any, effective: Any) -> tuple[Any, Any, float]:
    """Mean and covariance of the logarithms of the factors, and the scatter of the runs around them."""
    scatter, runs = 1.0, float(effective.sum())
    mean, covariance = np.zeros(len(RATES)), np.diag(prior)
    for _ in range(_ROUNDS):
        weighted = here.slopes / (own * scatter)[:, None]
        covariance = np.linalg.inv(np.diag(1.0 / prior) + here.slopes.T @ weighted)
        mean = covariance @ (weighted.T @ here.off)
        rest = here.off - here.slopes @ mean
        scatter = float((_WORTH + (rest**2 / own).sum()) / (_WORTH + runs))
    return mean, covariance, scatter


def rates_of(mean: Any) -> Rates:
    """The factors on the rates, made of their logarithms."""
    return tuple(float(one) for one in np.exp(np.clip(mean, -log(_MOST), log(_MOST))))


def _prior(samples: Sequence[Sample], slopes: Any) -> Any:
    """Variance of each factor's logarithm: so that the factors together make what runs of one place share."""
    reach = np.maximum((slopes**2).sum(axis=1), 1e-6)
    shared = np.array([one.deviation**2 * one.shared for one in samples]) / reach
    return np.full(len(RATES), median(float(shared[at]) for at in _telling(samples)))


def _telling(samples: Sequence[Sample]) -> list[int]:
    """Whole runs, where there is any: what is known of kernels says little of how runs differ from place to place."""
    return [at for at, one in enumerate(samples) if one.whole] or list(range(len(samples)))


def _weights(samples: Sequence[Sample], slopes: Any) -> Any:
    """Figures of the same plan that depend on the same rates are one run: each has its part of it."""
    keys = [(one.plan or one.id, tuple(np.round(abs(row), 1))) for one, row in zip(samples, slopes, strict=True)]
    times = Counter(keys)
    return np.array([float(times[key]) for key in keys])


def _left_out(samples: Sequence[Sample], here: _Linear, prior: Any, own: Any, weights: Any) -> tuple[float, ...]:
    """Relative errors, each run predicted by the others."""
    errors = []
    for at in range(len(samples)):
        part = _Linear(np.delete(here.off, at), np.delete(here.slopes, at, axis=0))
        mean, _, _ = posterior(part, prior, np.delete(own, at), 1.0 / np.delete(weights, at))
        errors.append(float(np.exp(here.slopes[at] @ mean - here.off[at]) - 1.0))
    return tuple(errors)


def _different(samples: Sequence[Sample], weights: Any, *, whole: bool) -> int:
    return round(sum(1.0 / float(weight) for one, weight in zip(samples, weights, strict=True) if one.whole is whole))


def _fitted(mean: Any, covariance: Any, scatter: float, prior: Any, samples: Sequence[Sample], weights: Any) -> Fitted:
    off = np.sqrt(np.diag(covariance))
    correlations = covariance / np.outer(off, off)
    factors = {
        name: Factor(factor=round(by, 4), uncertainty=round(float(left), 4), prior=round(float(before), 4))
        for name, by, left, before in zip(RATES, rates_of(mean), off, np.sqrt(prior), strict=True)
    }
    return Fitted(
        runs=_different(samples, weights, whole=True),
        kernels=_different(samples, weights, whole=False),
        shared=round(median(samples[at].shared for at in _telling(samples)), 3),
        scatter=round(scatter, 3),
        correlations=tuple(tuple(round(float(one), 2) + 0.0 for one in row) for row in correlations),
        **factors,
    )
