"""Energy: what the accelerators of a run draw."""

from __future__ import annotations

from collections.abc import Mapping

from llmplan.arrays.quantities import Number, total
from llmplan.estimate.line import Line

IDLE_SHARE = 0.2
"""Of the TDP, drawn by an accelerator that waits. Assumed: with nothing to do at all data center GPUs draw about 0.1 of
it, and kernels that wait for other ranks keep their clocks up.
"""
_WATTS_PER_KILOWATT = 1e3


def busy_share(time_breakdown: Mapping[str, Number]) -> Number:
    """Of an iteration, not spent in idle lines; 1, an upper bound, where there are none of them."""
    waiting = total(seconds for line, seconds in time_breakdown.items() if isinstance(line, Line) and line.idle)
    return 1.0 - waiting / total(time_breakdown.values())


def average_power(tdp: Number, busy: Number) -> Number:
    """P = TDP (idle + (1 - idle) busy), in watts of one accelerator."""
    return tdp * (IDLE_SHARE + (1.0 - IDLE_SHARE) * busy)


def energy_kwh(watts: Number, gpu_hours: Number, pue: Number) -> Number:
    """E = GPU-hours x P x PUE, in kWh (Touvron et al. 2023, arXiv:2302.13971, section 6)."""
    return gpu_hours * watts * pue / _WATTS_PER_KILOWATT
