"""Curves of NCCL's collectives inside the domain, from eff_collectives.csv. Needs numpy and scipy.

`CollectiveCurve.seconds` is fitted through groups of 2, 4 and 8 GPUs together; the engines' own kernels are left out.
With the root of V, for the slow ramp of NCCL, the mean error is a third to a half of what launch + V / bandwidth
leaves. Limits of the form:

- With NVLS an all-reduce of 8 GPUs goes past the ring's bound (H100, H200), which the plateau of 1 cannot follow.
- On PCIe without peer-to-peer the bandwidth falls with the group (20, 5 and 1.5 GB/s of 32), where n / (n + half_ranks)
  can only rise: the curve is that of 4 GPUs, too slow by 4 for 2 and too fast by 4 for 8.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from attrs import frozen

from calibration.fitting import Array, Parameter, errors, fit, rounded
from calibration.kernels import Row, Timed
from llmplan.records import CollectiveCurve

OPERATIONS = {
    "all_reduce": "all_reduce",
    "all_gather": "all_gather",
    "reduce_scatter": "reduce_scatter",
    "all_to_all": "alltoall",
}
"""The op column of eff_collectives.csv by operation."""
TRAINING_BYTES, TRAINING_WEIGHT = 1e6, 3.0
"""The least message of training, and how much more those count."""
LARGE_BYTES = 4e6


@frozen(eq=False)
class Collectives:
    """The timed collectives of an accelerator and an operation, as columns."""

    gpus: Array
    message_bytes: Array
    seconds: Array
    passes: float
    """Over the link: 2 in an all-reduce."""


def collectives(rows: Iterable[Row], timings: str, operation: str) -> Collectives:
    """Those of NCCL."""
    columns = [
        (float(row["n_gpus"]), float(row["message_bytes"]), float(row["latency_us"]) * 1e-6)
        for row in rows
        if (row["accelerator"], row["op"]) == (timings, OPERATIONS[operation])
        and row["implementation"].startswith("nccl")
    ]
    return Collectives(*np.array(columns).T, passes=2.0 if operation == "all_reduce" else 1.0)


def predicted(timed: Collectives, curve: CollectiveCurve, link_bytes_per_second: float) -> Array:
    """Seconds of each collective."""
    seconds: Any = curve.seconds(timed.passes * timed.message_bytes, timed.gpus, link_bytes_per_second)
    return np.asarray(seconds)


def _curve(values: Iterable[float]) -> CollectiveCurve:
    plateau, half_ranks, half_megabytes, launch_us, step_us = values
    return CollectiveCurve(
        plateau=plateau,
        half_ranks=half_ranks,
        half_bytes=half_megabytes * 1e6,
        launch_seconds=launch_us * 1e-6,
        step_seconds=step_us * 1e-6,
    )


def curve(timed: Collectives, link_bytes_per_second: float) -> CollectiveCurve:
    """Through all groups and messages, those of 1 MB and more counting three times."""
    values = fit(
        lambda values: predicted(timed, _curve(values), link_bytes_per_second),
        timed.seconds,
        np.where(timed.message_bytes >= TRAINING_BYTES, TRAINING_WEIGHT, 1.0),
        [Parameter(0.8, 1.0, 0.001), *(Parameter(start, 1000.0) for start in (0.5, 1.0, 5.0, 1.0))],
    )
    return rounded(_curve(values))


def curves(rows: Iterable[Row], device: Timed) -> dict[str, CollectiveCurve]:
    """By operation."""
    rows = list(rows)
    return {
        operation: curve(collectives(rows, device.timings, operation), device.link_gb_s * 1e9)
        for operation in OPERATIONS
    }


def table(rows: Iterable[Row], device: Timed, fitted: Mapping[str, CollectiveCurve]) -> list[str]:
    """What the curves miss, as lines."""
    rows, lines = list(rows), []
    for operation, of_operation in fitted.items():
        timed = collectives(rows, device.timings, operation)
        seconds = predicted(timed, of_operation, device.link_gb_s * 1e9)
        large = timed.message_bytes >= LARGE_BYTES
        lines += [
            f"  {operation}: {of_operation}",
            f"    {errors(seconds, timed.seconds)}; from 4 MB: {errors(seconds[large], timed.seconds[large])}",
        ]
    return lines
