"""Instinct MI300X to MI355X, and the dies of MI210 and MI250."""

from __future__ import annotations

from typing import Any

import numpy as np
import typer
from attrs import evolve
from calibration.fitting import rounded, short

from llmplan.catalogues.forms import plain
from llmplan.records import AttentionKernel, CollectiveCurve, GemmCurve, KernelCurves, ServingCurves
from other_accelerators.fits import (
    GIGA,
    OPERATIONS,
    SMALLEST_KERNEL,
    TERA,
    attention_kernels,
    bandwidth_of,
    gemm_columns,
    mesh_curve,
    quantised,
    tile_curve,
)
from other_accelerators.timings import Timings

MI355X, MI300X = "mi355x-288gb", "mi300x-192gb"
MI355X_BYTES, MI300X_BYTES = 8000 * GIGA, 5300 * GIGA
MI355X_FLOPS = {"bf16": 2516.6 * TERA, "fp8": 5033.2 * TERA, "fp4": 10066.3 * TERA}
MI300X_FLOPS = {"bf16": 1307.4 * TERA, "fp8": 2614.9 * TERA}
MI250_DIE_FLOPS = 181.05 * TERA
LINKS = 448 * GIGA
"""Of a full mesh of eight MI300X, one way."""
AITER = "device kernel"
MI355X_ATTENTION = {"flash-2": ("torch SDPA",), "aiter": ("AITER (asm)",), "ck": ("Composable Kernel",)}
MI300X_ATTENTION = {"flash-2": ("torch SDPA (AOTriton)",), "aiter": ("AITER (asm v3)",), "triton": ("Triton",)}
MLA_DECODE = "MLA decode, bf16 KV (nhead 16)"
ALL_REDUCE, ALL_GATHER = 0.757, 0.62
"""Of the links of an MI355X."""


def curves(timings: Timings, usual: KernelCurves) -> dict[str, KernelCurves]:
    """By accelerator: those that were timed, and the relatives that take after them."""
    typer.echo(MI355X)
    mi355x = of_mi355x(timings, usual)
    typer.echo(MI300X)
    mi300x = of_mi300x(timings, mi355x)
    typer.echo("mi250-gcd-64gb")
    die = of_mi250_die(timings, mi300x, mi355x)
    new = {MI300X: mi300x, "mi325x-256gb": of_mi325x(mi300x), "mi350x-288gb": of_mi350x(mi355x), MI355X: mi355x}
    return {**new, **dict.fromkeys(("mi210-64gb", "mi250-gcd-64gb", "mi250x-gcd-64gb"), die)}


def _decoding(usual: ServingCurves | None, plateau: float, words: str) -> ServingCurves | None:
    """Attention over a cache as it was timed, the other kernels of engines as they are."""
    if usual is None:
        return None
    source = f"decoding: {words}; else {usual.source.rpartition('; else ')[2]}"
    return evolve(usual, decode=evolve(usual.decode, plateau=short(plateau)), source=source)


def _as_far(relative: KernelCurves, hbm: float) -> ServingCurves | None:
    """Attention over a cache is as far behind the reading of weights as on a relative."""
    serving = relative.serving
    plateau = 0.0 if serving is None else serving.decode.plateau * hbm / relative.hbm
    return _decoding(serving, plateau, "as far behind weights as on the MI355X, where AITER's MLA was timed")


def of_mi355x(timings: Timings, usual: KernelCurves) -> KernelCurves:
    """Timed in all but small messages, the quantising of activations and the network."""
    rows = timings.gemm_rows(MI355X, ["bfloat16"], AITER)
    hbm = bandwidth_of(gemm_columns(rows, 2.0), MI355X_BYTES)
    bandwidth, flops = MI355X_BYTES * hbm, MI355X_FLOPS
    rows += timings.gemm_rows(MI355X, ["bfloat16"], "device, loop", of_note="hipBLASLt")
    bf16 = tile_curve(gemm_columns(rows, 2.0), flops["bf16"], bandwidth, "bf16")
    rows = timings.gemm_rows(MI355X, ["fp8_rowwise"], AITER)
    rows += timings.gemm_rows(MI355X, ["fp8"], "per-call events", of_note="hipBLASLt")
    fp8 = tile_curve(gemm_columns(rows, 1.0), flops["fp8"], bandwidth, "fp8")
    rows = timings.gemm_rows(MI355X, ["mxfp4"], AITER)
    fp4 = tile_curve(gemm_columns(rows, 0.53125), flops["fp4"], bandwidth, "fp4")
    return evolve(
        usual,
        gemm={
            "bf16": bf16,
            "fp8": quantised(fp8, flops["fp8"], bandwidth),
            "fp4": quantised(fp4, flops["fp4"], bandwidth, 4.5),
        },
        attention=attention_kernels(timings, MI355X, flops["bf16"], MI355X_ATTENTION, usual),
        sustained={},
        hbm=hbm,
        launch_seconds=SMALLEST_KERNEL,
        serving=_decoding(
            usual.serving, timings.share_of_peak(MI355X, MLA_DECODE), "AITER's MLA, of the memory's peak"
        ),
        collectives=_collectives(evolve(mesh_curve(timings, MI300X, LINKS), plateau=ALL_REDUCE), ALL_GATHER),
        source="MI355X timings: AITER's tuned GEMMs and hipblaslt-bench; attention of HipKittens' benchmarks, flash-2 as "
        "PyTorch's SDPA; all-reduce 407 of 537.6 GB/s (ml-engineering), all-gather 333 and reduce-scatter 326 GB/s (mori "
        "#200), all-to-all as these, small messages as on the MI300X; quantising of activations, which was not timed, at "
        "the memory's bandwidth; the network: the lower quartile of accelerators that were timed",
    )


def of_mi300x(timings: Timings, mi355x: KernelCurves) -> KernelCurves:
    """Timed in its multiplications, memory, attention forward and all-reduce; else as the MI355X."""
    hbm = 0.775  # copy and triad of BabelStream on an Azure ND MI300X v5
    bandwidth, flops, like = MI300X_BYTES * hbm, MI300X_FLOPS, mi355x.gemm
    rows = timings.gemm_rows(MI300X, ["bfloat16"], "per-call events", of_note="torch.matmul")
    rows += timings.gemm_rows(MI300X, ["bfloat16"], "device, loop", "torch events")
    bf16 = tile_curve(gemm_columns(rows, 2.0), flops["bf16"], bandwidth, "bf16", half_k=like["bf16"].half_k)
    rows = [row for row in timings.gemm_rows(MI300X, ["fp8"]) if float(row["n"]) > 192]
    fp8 = tile_curve(gemm_columns(rows, 1.0), flops["fp8"], bandwidth, "fp8", half_k=like["fp8"].half_k)
    reducing = mesh_curve(timings, MI300X, LINKS)
    return evolve(
        mi355x,
        gemm={
            "bf16": evolve(bf16, launch_seconds=SMALLEST_KERNEL),
            "fp8": quantised(evolve(fp8, launch_seconds=SMALLEST_KERNEL), flops["fp8"], bandwidth),
        },
        attention=attention_kernels(timings, MI300X, flops["bf16"], MI300X_ATTENTION, mi355x),
        hbm=hbm,
        serving=_as_far(mi355x, hbm),
        collectives=_collectives(reducing, round(reducing.plateau * ALL_GATHER / ALL_REDUCE, 3)),
        source="MI300X timings: hipBLASLt through PyTorch less its gap between calls, AMD's best shapes, hipblaslt-bench in "
        "FP8; BabelStream; HipKittens' attention benchmarks, flash-2 as PyTorch's SDPA, backward as far behind forward as on "
        "the MI355X; rccl-tests on Azure ND MI300X v5, other operations as far behind all-reduce as on the MI355X; "
        "quantising of activations, which was not timed, at the memory's bandwidth; the network: the lower quartile of "
        "accelerators that were timed",
    )


def of_mi325x(mi300x: KernelCurves) -> KernelCurves:
    """As the MI300X, whose power limit is lower."""
    faster = 0.595 / 0.505  # multiplications of 8192 a side
    return evolve(
        mi300x,
        gemm={name: _times(one, faster) for name, one in mi300x.gemm.items()},
        attention=_attention_times(mi300x, faster),
        hbm=0.715,
        serving=_as_far(mi300x, 0.715),
        source=f"the MI300X's curves, multiplications and attention {faster:.3f} times as fast: its own at 8192 a side, "
        f"whose power limit is higher; memory as ROCm's profiler expects it; {mi300x.source}",
    )


def of_mi350x(mi355x: KernelCurves) -> KernelCurves:
    """As the MI355X, at less power."""
    slower = {"bf16": 0.469 / 0.6257, "fp8": 0.5766 / 0.6424}
    return evolve(
        mi355x,
        gemm={name: _times(one, slower.get(name, slower["fp8"])) for name, one in mi355x.gemm.items()},
        attention=_attention_times(mi355x, slower["bf16"]),
        source=f"the MI355X's curves, slower as its own hipBLASLt timings of 8192 a side are; {mi355x.source}",
    )


def of_mi250_die(timings: Timings, mi300x: KernelCurves, mi355x: KernelCurves) -> KernelCurves:
    """Timed in FP16 multiplications alone; else at the MI300X's fractions of the peaks."""
    rows = [row for row in timings.gemm_rows("mi250-128gb", ["float16"]) if "after" in row["note"] and row["m"] != "16"]
    timed = gemm_columns(rows, 2.0)
    large = float(np.max(2 * timed.m * timed.n * timed.k / timed.seconds)) / MI250_DIE_FLOPS
    half = 2048 * (large / 0.6866 - 1) / (1 - 2048 * large / 0.6866 / 8192)
    plateau = min(0.95, large * (1 + max(half, 0.0) / 8192))
    multiplying = rounded(GemmCurve(plateau=plateau, half_tile=max(half, 0.0), launch_seconds=SMALLEST_KERNEL))
    typer.echo(f"  fp16: {plain(multiplying)}")
    oldest = {"flash-2": MI300X_ATTENTION["flash-2"]}
    return evolve(
        mi300x,
        gemm={"fp16": multiplying, "bf16": multiplying, "int8": multiplying},
        attention=attention_kernels(timings, MI300X, MI300X_FLOPS["bf16"], oldest, mi355x),
        source="a die of MI250: hipBLASLt in FP16 (hipblaslt-bench); other formats as that; memory, attention and links, "
        f"of which none was timed, at the fractions of the MI300X: {mi300x.source}",
    )


def _collectives(reducing: CollectiveCurve, plateau: float) -> dict[str, CollectiveCurve]:
    """All-reduce, and the others at a plateau of their own."""
    gathering = evolve(reducing, plateau=plateau)
    return {name: reducing if name == "all_reduce" else gathering for name in OPERATIONS}


def _attention_times(curves: KernelCurves, factor: float) -> dict[str, AttentionKernel]:
    return {
        name: AttentionKernel(forward=_times(one.forward, factor), backward=_times(one.backward, factor))
        for name, one in curves.attention.items()
    }


def _times(curve: Any, factor: float) -> Any:
    return evolve(curve, plateau=round(min(0.99, curve.plateau * factor), 4))
