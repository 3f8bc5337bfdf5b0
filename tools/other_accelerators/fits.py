"""Curves through timings: multiplications, attention, collectives of a full mesh and of a torus."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import typer
from attrs import evolve
from calibration.fitting import Array, Parameter, errors, fit, rounded, short
from calibration.gemms import Gemms, predicted as gemm_seconds

from llmplan.catalogues.forms import plain
from llmplan.records import AttentionCurve, AttentionKernel, CollectiveCurve, GemmCurve, KernelCurves
from other_accelerators.timings import Row, Timings

TERA, GIGA = 1e12, 1e9
EVENT_GAP = 25e-6
"""That a call from PyTorch takes longer on Instinct than its kernel: torch against hipblaslt-bench on the MI355X."""
SMALLEST_KERNEL = 3.0e-6
"""Instinct, kernel alone: 2.4 to 4.2 us."""
TPU_STEP, TPU_START = 1.0e-6, 2.29e-6
"""A hop, and the start of a transfer over one ICI link of a v6e."""
OPERATIONS = ("all_reduce", "all_gather", "reduce_scatter", "all_to_all")


def gemm_columns(rows: Iterable[Row], width: float, scale: float = 1.0) -> Gemms:
    """Sizes and seconds; what PyTorch timed call by call without the gap between calls."""
    sizes = []
    for row in rows:
        gap = EVENT_GAP if row["timing"].startswith("per-call events") and "torch" in row["note"] else 0.0
        seconds = float(row["latency_us"]) * 1e-6 - gap
        if seconds > 0:
            sizes.append((float(row["m"]), float(row["n"]), float(row["k"]), seconds * scale))
    return Gemms(*np.array(sizes).T, width=width)


def tile_curve(timed: Gemms, peak: float, bandwidth: float, name: str, *, half_k: float | None = None) -> GemmCurve:
    """Plateau and halves through timings; `half_k` that of a relative where too few sizes were timed."""
    timed = timed.chosen(timed.m >= 64)
    given = half_k is not None

    def made(values: Sequence[float]) -> GemmCurve:
        plateau, half_tile, *rest = values
        sides = (half_k, *rest) if given else tuple(rest)
        return GemmCurve(plateau=plateau, half_tile=half_tile, half_k=sides[0], launch_seconds=sides[1] * 1e-6)

    starts = [Parameter(0.6, 0.99, 0.01), Parameter(100.0, 5000.0)]
    starts += [] if given else [Parameter(100.0, 5000.0)]
    values = fit(
        lambda values: gemm_seconds(timed, made(values), peak, bandwidth),
        timed.seconds,
        np.where(timed.of_training, 3.0, 1.0),
        [*starts, Parameter(3.0, 60.0)],
    )
    curve = rounded(made(values))
    large = timed.of_training
    seconds = gemm_seconds(timed, curve, peak, bandwidth)
    typer.echo(f"  {name}: {plain(curve)} {errors(seconds[large], timed.seconds[large])} of m, n, k >= 1024")
    return curve


def quantised(curve: GemmCurve, peak: float, bandwidth: float, bytes_per_element: float = 5.0) -> GemmCurve:
    """With quantising the activations beside it, which was not timed: two readings of 16 bits, one writing of 8."""
    half_n = curve.plateau * peak * bytes_per_element / (2.0 * bandwidth)
    return rounded(evolve(curve, half_n=half_n))


def bandwidth_of(timed: Gemms, peak: float) -> float:
    """Slope of latency over bytes, of GEMMs that read large weights for few rows."""
    moved, seconds = timed.bytes_moved, timed.seconds
    counts = (timed.m <= 16) & (moved > 128e6) & (moved < peak * seconds)
    columns = np.stack([1.0 / seconds, moved / seconds], axis=1)[counts]
    _, per_byte = np.linalg.lstsq(columns, np.ones(len(columns)), rcond=None)[0]
    return short(1.0 / (per_byte * peak))


def attention_curve(rows: list[Row], peak: float, name: str, *, like: AttentionCurve | None = None) -> AttentionCurve:
    """Through fractions of the peak by length and head width; shaped as another where widths were not timed."""
    lengths, widths, rates = np.array(
        [(float(row["seq_len"]), float(row["head_dim"]), float(row["tflops"]) * TERA) for row in rows]
    ).T

    def made(values: Sequence[float]) -> AttentionCurve:
        plateau, half_tokens, *rest = values
        return AttentionCurve(
            plateau=plateau,
            half_tokens=half_tokens,
            half_head_dim=rest[0] if rest else like.half_head_dim if like else 0.0,
        )

    several = len(set(widths)) > 1
    values = fit(
        lambda values: _rates(made(values), lengths, widths, peak),
        rates,
        np.where(lengths >= 4096, 3.0, 1.0),
        [Parameter(0.5, 0.75, 0.01), Parameter(800.0, 20000.0), *([Parameter(20.0, 300.0)] if several else [])],
    )
    curve = evolve(rounded(made(values)), launch_seconds=SMALLEST_KERNEL)
    typer.echo(f"  attention {name}: {plain(curve)} {errors(_rates(curve, lengths, widths, peak), rates)}")
    return curve


def _rates(curve: AttentionCurve, lengths: Array, widths: Array, peak: float) -> Array:
    rates: Any = curve.flops_per_second(lengths, widths, peak)
    return np.asarray(rates)


def attention_kernels(
    timings: Timings, chip: str, peak: float, kernels: Mapping[str, Sequence[str]], like: KernelCurves
) -> dict[str, AttentionKernel]:
    """By kernel; backward where nobody timed it falls behind forward as on a relative."""
    found = {}
    for word, names in kernels.items():
        rows = [row for row in timings.attention if row["accelerator"] == chip and row["kernel"] in names]
        forward = attention_curve([row for row in rows if row["pass"] == "fwd"], peak, f"{word} forward")
        backwards = [row for row in rows if row["pass"] == "bwd"]
        if backwards:
            backward = attention_curve(backwards, peak, f"{word} backward", like=forward)
        else:
            other = like.attention.get(word) or min(like.attention.values(), key=lambda one: one.backward.plateau)
            behind = other.backward.plateau / other.forward.plateau
            backward = rounded(evolve(forward, plateau=forward.plateau * min(1.0, behind)))
        found[word] = AttentionKernel(forward=forward, backward=backward)
    return found


def mesh_curve(timings: Timings, chip: str, link: float, plateau: float | None = None) -> CollectiveCurve:
    """All-reduces of a full mesh, two of its accelerators over the one link between them."""
    rows = [
        (float(row["n_gpus"]), float(row["message_bytes"]), float(row["latency_us"]) * 1e-6)
        for row in timings.collectives
        if (row["accelerator"], row["op"]) == (chip, "all_reduce")
    ]
    gpus, message, seconds = np.array(rows).T
    links = link * (gpus - 1) / 7

    def made(values: Sequence[float]) -> CollectiveCurve:
        top, half_megabytes, launch_us = values
        return CollectiveCurve(plateau=top, half_bytes=half_megabytes * 1e6, launch_seconds=launch_us * 1e-6)

    def predicted(curve: CollectiveCurve) -> Array:
        timed: Any = curve.seconds(2.0 * message, gpus, links)
        return np.asarray(timed)

    weights = np.where(message >= 1e6, 3.0, 1.0)
    bounds = [Parameter(0.7, 1.0, 0.01), Parameter(1.0, 1000.0), Parameter(20.0, 1000.0)]
    curve = rounded(made(fit(lambda values: predicted(made(values)), seconds, weights, bounds)))
    typer.echo(f"  all_reduce: {plain(curve)} {errors(predicted(curve), seconds)}")
    return curve if plateau is None else evolve(curve, plateau=plateau)


def torus_curve(message: Array, seconds: Array, ranks: float, link: float) -> CollectiveCurve:
    """All-gathers over the links of a torus."""

    def made(values: Sequence[float]) -> CollectiveCurve:
        plateau, half_megabytes = values
        return CollectiveCurve(
            plateau=plateau, half_bytes=half_megabytes * 1e6, launch_seconds=TPU_START, step_seconds=TPU_STEP
        )

    def predicted(curve: CollectiveCurve) -> Array:
        timed: Any = curve.torus_seconds(message, ranks, 4.0, link)
        return np.asarray(timed)

    values = fit(
        lambda values: predicted(made(values)),
        seconds,
        np.ones(len(seconds)),
        [Parameter(0.9, 0.99, 0.01), Parameter(0.1, 1000.0)],
    )
    curve = rounded(made(values))
    typer.echo(f"  all_gather: {plain(curve)} {errors(predicted(curve), seconds)}")
    return curve
