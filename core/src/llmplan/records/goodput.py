"""Goodput: what failures, checkpoints and restarts leave of a run's time."""

from __future__ import annotations

import math
from typing import Any

from attrs import frozen

from llmplan.arrays.quantities import Number, minimum, sqrt, where

_SECONDS_PER_DAY = 86_400.0
_NO_PROGRESS = 1e6
"""Times as long as without failures; beyond, a run makes no progress."""
_LARGEST_EXPONENT = 300.0
"""e^300 twice still is a number."""


@frozen(kw_only=True, eq=False, repr=False)
class Failures:
    """How often accelerators fail, and what a run does about it."""

    per_gpu_day: Number
    """Unexpected interruptions of the whole run, for one accelerator in one day."""
    checkpoint_seconds: Number
    """In which saving a checkpoint stops the run."""
    checkpoint_interval_seconds: Number | None = None
    """Of training between checkpoints, None for the optimum."""
    restart_seconds: Number = 600.0
    """From a failure until training goes on from the checkpoint."""

    def mtbf_seconds(self, gpus: Number) -> Number:
        """M = 1 day / (failures per GPU-day x GPUs), the mean time between failures of the whole run."""
        return _SECONDS_PER_DAY / (self.per_gpu_day * gpus)

    def interval_seconds(self, gpus: Number) -> Number:
        """Training between checkpoints: as it was given, or else the optimum."""
        given = self.checkpoint_interval_seconds
        return young_interval(self.checkpoint_seconds, self.mtbf_seconds(gpus)) if given is None else given

    def goodput(self, gpus: Number) -> Number:
        """Training time / wall clock, 0 where a run makes no progress."""
        stretch = daly_stretch(
            self.interval_seconds(gpus), self.checkpoint_seconds, self.restart_seconds, self.mtbf_seconds(gpus)
        )
        return where(stretch < _NO_PROGRESS, 1.0 / stretch, 0.0 * stretch)


def young_interval(delta: Number, m: Number) -> Number:
    """The optimal tau = sqrt(2 delta M), in seconds (Young 1974, doi:10.1145/361147.361115)."""
    return sqrt(2.0 * delta * m)


def daly_stretch(tau: Number, delta: Number, r: Number, m: Number) -> Number:
    """Wall clock / training time = M e^(R/M) (e^((tau + delta)/M) - 1) / tau, all in seconds.

    Daly 2006, doi:10.1016/j.future.2004.11.016, for failures that come as a Poisson process: exact for any interval,
    where the familiar delta/tau + tau/2M holds for M far above it alone.
    """
    return m * (1.0 + _expm1(r / m)) * _expm1((tau + delta) / m) / tau


def _expm1(exponent: Any) -> Number:
    """e^x - 1, of so large a number as stays one."""
    bounded: Any = minimum(exponent, _LARGEST_EXPONENT)
    if isinstance(bounded, (int, float)):
        return math.expm1(bounded)
    grown: Number = bounded.__array_namespace__().expm1(bounded)
    return grown
