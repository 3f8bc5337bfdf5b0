"""GEMM curves and the memory bandwidth, from eff_gemm.csv. Needs numpy and scipy.

What is fitted is `GemmCurve.seconds` itself, over rows with m >= 64. Fewer rows are decoding, which the memory bounds.

- Formats as in `kernels`. In 16 bits the tiles of the result count, wherever they lie: half_tile and half_k. What
  quantises the activations first takes time in proportion to m k, 1/n of the FLOPs, which half_m, half_n and half_k
  follow: half_n of fp8 and fp4 is in the thousands.
- hbm: latency = a + bytes / (bandwidth x hbm) over 16-bit GEMMs of at most 8 rows and weights that no L2 holds.
- launch_seconds of what only moves data: the smallest GEMM inside a CUDA graph.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from attrs import frozen

from calibration.fitting import Array, Parameter, errors, fit, rounded, short
from calibration.kernels import KERNELS, WEIGHT_BOUND_ROWS, Row, Timed
from llmplan.records import GemmCurve, gemm_bytes

BYTES = {"bf16": 2.0, "int8": 1.0, "fp8": 1.0, "fp4": 0.5625}
"""Of an element; FP4 with an 8-bit scale for 16 elements."""
OUTPUT_BYTES = 2.0
FEWEST_ROWS, TRAINING_SIZE, TRAINING_WEIGHT = 64, 1024, 3.0
"""Of a GEMM that counts; the least m, n and k of the GEMMs of training, and how much more those count."""
SIXTEEN_BIT = "bf16"
"""Whose operands come as they are multiplied."""
NO_L2_BYTES = 64e6
LAUNCH_SECONDS = {"b200-sxm": 2.0e-6}
SLOWER_LAUNCH_SECONDS = 2.7e-6
"""A100, H100, H200; taken for the L40S, whose smallest one was not timed."""


@frozen(eq=False)
class Gemms:
    """The timed GEMMs of an accelerator in one format, as columns."""

    m: Array
    n: Array
    k: Array
    seconds: Array
    width: float

    @property
    def bytes_moved(self) -> Array:
        """Elements m k + n k in, 16-bit ones m n out."""
        moved: Any = gemm_bytes(self.m, self.n, self.k, 1.0, self.width, OUTPUT_BYTES)
        return np.asarray(moved)

    @property
    def of_training(self) -> Array:
        """Which ones are large in all three sizes."""
        smallest: Array = np.minimum(self.m, np.minimum(self.n, self.k))
        return smallest >= TRAINING_SIZE

    def chosen(self, which: Array) -> Gemms:
        """Some of the rows."""
        return Gemms(self.m[which], self.n[which], self.k[which], self.seconds[which], self.width)


def gemms(rows: Iterable[Row], device: Timed, number_format: str) -> Gemms:
    """Those of an accelerator in a format."""
    wanted = device.timings, KERNELS[number_format]
    sizes = [
        (float(row["m"]), float(row["n"]), float(row["k"]), float(row["latency_us"]) * 1e-6)
        for row in rows
        if (row["accelerator"], row["dtype"]) == wanted
    ]
    return Gemms(*np.array(sizes).T, width=BYTES[number_format])


def hbm(timed: Gemms, device: Timed) -> float:
    """Slope of latency over bytes, relative errors least squared; rows above the peak were L2 hits."""
    peak = device.hbm_gb_s * 1e9
    moved, seconds = timed.bytes_moved, timed.seconds
    counts = (timed.m <= WEIGHT_BOUND_ROWS) & (moved > NO_L2_BYTES) & (moved < peak * seconds)
    columns = np.stack([1.0 / seconds, moved / seconds], axis=1)[counts]
    _, seconds_per_byte = np.linalg.lstsq(columns, np.ones(len(columns)), rcond=None)[0]
    return short(1.0 / (seconds_per_byte * peak))


def launch_seconds(device: Timed) -> float:
    """Of the smallest kernel."""
    return LAUNCH_SECONDS.get(device.profile, SLOWER_LAUNCH_SECONDS)


def predicted(timed: Gemms, curve: GemmCurve, peak_flops: float, hbm_bytes_per_second: float) -> Array:
    """Seconds of each GEMM."""
    seconds: Any = curve.seconds(timed.m, timed.n, timed.k, 1.0, peak_flops, timed.bytes_moved, hbm_bytes_per_second)
    return np.asarray(seconds)


def _curve(values: Iterable[float]) -> GemmCurve:
    plateau, half_m, half_n, half_k, launch_us = values
    return GemmCurve(plateau=plateau, half_m=half_m, half_n=half_n, half_k=half_k, launch_seconds=launch_us * 1e-6)


def _tile_curve(values: Iterable[float]) -> GemmCurve:
    plateau, half_tile, half_k, launch_us = values
    return GemmCurve(plateau=plateau, half_tile=half_tile, half_k=half_k, launch_seconds=launch_us * 1e-6)


def curve(timed: Gemms, peak_flops: float, hbm_bytes_per_second: float, *, quantises: bool) -> GemmCurve:
    """Through rows of 64 and more, those of training counting three times."""
    timed = timed.chosen(timed.m >= FEWEST_ROWS)
    shaped, halves = (_curve, (50.0, 100.0, 100.0)) if quantises else (_tile_curve, (100.0, 100.0))
    values = fit(
        lambda values: predicted(timed, shaped(values), peak_flops, hbm_bytes_per_second),
        timed.seconds,
        np.where(timed.of_training, TRAINING_WEIGHT, 1.0),
        [Parameter(0.6, 0.99, 0.01), *(Parameter(start, 5000.0) for start in halves), Parameter(5, 60)],
    )
    return rounded(shaped(values))


def curves(rows: Iterable[Row], device: Timed, hbm_fraction: float) -> dict[str, GemmCurve]:
    """By format with timings."""
    rows = list(rows)
    bandwidth = device.hbm_gb_s * 1e9 * hbm_fraction
    return {
        name: curve(gemms(rows, device, name), tflops * 1e12, bandwidth, quantises=name != SIXTEEN_BIT)
        for name, tflops in device.tflops.items()
    }


def table(rows: Iterable[Row], device: Timed, fitted: Mapping[str, GemmCurve], hbm_fraction: float) -> list[str]:
    """What the curves miss, as lines."""
    rows, lines = list(rows), []
    for name, of_format in fitted.items():
        timed = gemms(rows, device, name)
        timed = timed.chosen(timed.m >= FEWEST_ROWS)
        seconds = predicted(timed, of_format, device.tflops[name] * 1e12, device.hbm_gb_s * 1e9 * hbm_fraction)
        large = timed.of_training
        of_training = errors(seconds[large], timed.seconds[large])
        lines += [
            f"  GEMM {name}: {of_format}",
            f"    {errors(seconds, timed.seconds)}; m, n, k >= {TRAINING_SIZE}: {of_training}",
        ]
    return lines
