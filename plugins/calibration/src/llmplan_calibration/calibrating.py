"""From samples to a site, with all that is said of it."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, sqrt
from statistics import fmean
from typing import Any

from attrs import frozen

from llmplan_calibration.fit import Fit, fit
from llmplan_calibration.sample import Sample
from llmplan_calibration.site import NORMAL, RATES, MeasuredSite, Phases

PHASES = ("train", "infer")


@frozen(eq=False, repr=False)
class Calibration:
    """A site, and how it came about."""

    site: MeasuredSite
    fits: dict[tuple[str, str], Fit]
    """By accelerator and phase."""

    def document(self) -> dict[str, Any]:
        """What ``llmplan calibrate --json`` prints, as a table."""
        return {
            "schema": "llmplan.calibrate/1",
            "site": self.site.name,
            "fits": [
                {
                    "gpu": gpu,
                    "phase": phase,
                    "runs": one.fitted.runs,
                    "scatter": one.fitted.scatter,
                    "shared": one.fitted.shared,
                    "rates": {name: rate_of(one, name) for name in RATES},
                    "figures": [figure_of(one, at) for at in range(len(one.samples))],
                    "mean_absolute_error": {name: mean_error(getattr(one, name)) for name in ERRORS},
                    "range": dict(zip(("before", "after"), range_of(one), strict=True)),
                }
                for (gpu, phase), one in self.fits.items()
            ],
        }


ERRORS = ("before", "after", "left_out")


def calibrate(samples: Sequence[Sample], name: str) -> Calibration:
    """One fit an accelerator and phase; what tells of kernels and links alone goes into both."""
    fits: dict[tuple[str, str], Fit] = {}
    for gpu in dict.fromkeys(one.gpu for one in samples):
        for phase in PHASES:
            of = [one for one in samples if one.gpu == gpu and phase in one.phases]
            if of:
                fits[gpu, phase] = fit(of)
    gpus = {
        gpu: Phases(**{phase: fits[gpu, phase].fitted for phase in PHASES if (gpu, phase) in fits})
        for gpu in dict.fromkeys(gpu for gpu, _ in fits)
    }
    files = ", ".join(dict.fromkeys(one.file for one in samples))
    site = MeasuredSite(name=name, gpus=gpus, source=f"llmplan calibrate {files}")
    return Calibration(site, fits)


def rate_of(one: Fit, name: str) -> dict[str, Any]:
    """What is known of a rate."""
    factor = getattr(one.fitted, name)
    low, high = factor.ends
    return {
        "factor": factor.factor,
        "low": low,
        "high": high,
        "uncertainty": factor.uncertainty,
        "prior": factor.prior,
        "informed": one.informed[RATES.index(name)],
    }


def figure_of(one: Fit, at: int) -> dict[str, Any]:
    """A measured figure beside its predictions."""
    sample = one.samples[at]
    return {
        "id": sample.id,
        "file": sample.file,
        "metric": sample.metric,
        "measured": sample.measured,
        "predicted": sample.measured * (1.0 + one.before[at]),
        "error": one.before[at],
        "predicted_at_site": sample.measured * (1.0 + one.after[at]),
        "error_at_site": one.after[at],
        "error_left_out": one.left_out[at],
    }


def mean_error(errors: Sequence[float]) -> float:
    """The mean absolute error of all figures that were measured."""
    return fmean(map(abs, errors))


def range_of(one: Fit) -> tuple[float, float]:
    """How far off a run like these may be in four cases of five, published and at the site: relative, upwards."""
    deviation = sqrt(fmean(sample.deviation**2 for sample in one.samples))
    left = sum(one.kept) / len(one.kept)
    stays = (1.0 - one.fitted.shared) * one.fitted.scatter + one.fitted.shared * left
    return exp(NORMAL * deviation) - 1.0, exp(NORMAL * deviation * sqrt(stays)) - 1.0
