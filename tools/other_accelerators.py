"""Curves of AMD, Google, Intel and Apple accelerators: a folder of timings in, tables of their TOML files out.

For maintainers: ``python tools/other_accelerators.py FOLDER``. It needs numpy and scipy. The folder is not part of the
repository; of it are read other_gemm.csv, other_attention.csv, other_collectives.csv and other_bandwidth.csv. The fits are
those of plugins/hardware_nvidia/calibration. Few of these chips were timed in all that a plan asks for: what nobody timed
is the nearest relative's, or the lower quartile of the accelerators that were timed.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from attrs import evolve

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "plugins" / "hardware_nvidia"))

from calibration.fitting import Array, Parameter, errors, fit, rounded, short
from calibration.gemms import Gemms, predicted as gemm_seconds

from llmplan.catalogues import registry
from llmplan.catalogues.forms import plain
from llmplan.catalogues.toml_text import toml_text
from llmplan.records import (
    AttentionCurve,
    AttentionKernel,
    CalibratedEfficiency,
    CollectiveCurve,
    DecodeCurve,
    GemmCurve,
    KernelCurves,
    NetworkCurve,
    ServingCurves,
)
from llmplan.space.uncalibrated import distinct, lower_quartile

MARK = "# From here on generated from timings by tools/other_accelerators.py: run it, edit nothing."
TERA, GIGA = 1e12, 1e9
EVENT_GAP = 25e-6
"""That a call from PyTorch takes longer on Instinct than its kernel: torch against hipblaslt-bench on the MI355X."""
SMALLEST_KERNEL = 3.0e-6
"""Instinct, kernel alone: 2.4 to 4.2 us."""
AITER = "device kernel"
TPU_STEP, TPU_START = 1.0e-6, 2.29e-6
"""A hop, and the start of a transfer over one ICI link of a v6e."""
MI355X_ATTENTION = {"flash-2": ("torch SDPA",), "aiter": ("AITER (asm)",), "ck": ("Composable Kernel",)}
MI300X_ATTENTION = {"flash-2": ("torch SDPA (AOTriton)",), "aiter": ("AITER (asm v3)",), "triton": ("Triton",)}
PASSES = {"all_reduce": 2.0, "all_gather": 1.0, "reduce_scatter": 1.0, "all_to_all": 1.0}
Row = Mapping[str, str]


class Timings:
    """The rows of the folder."""

    def __init__(self, folder: Path) -> None:
        self.gemms, self.attention, self.collectives, self.bandwidth = (
            list(csv.DictReader((folder / f"other_{name}.csv").read_text(encoding="utf-8").splitlines()))
            for name in ("gemm", "attention", "collectives", "bandwidth")
        )

    def gemm_rows(self, chip: str, dtypes: Sequence[str], *words: str, of_note: str = "") -> list[Row]:
        """Those of a chip in these formats whose timing begins with one of the words."""
        return [
            row
            for row in self.gemms
            if row["accelerator"] == chip
            and row["dtype"] in dtypes
            and row["timing"].startswith(words or ("",))
            and of_note in row["note"]
        ]


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
    timings: Timings, chip: str, peak: float, kernels: Mapping[str, Sequence[str]], like: KernelCurves | None = None
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
            other = (like or NOTHING).attention.get(word) or min(
                (like or NOTHING).attention.values(), key=lambda one: one.backward.plateau
            )
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


def efficiency(curves: KernelCurves) -> CalibratedEfficiency:
    """The summary that cost models without shapes take: multiplications of 8192 a side, the large all-reduce."""
    side = 8192.0
    return CalibratedEfficiency(
        flops={name: short(float(one.flops_per_second(side, side, side, 1.0))) for name, one in curves.gemm.items()},
        hbm=curves.hbm,
        scale_up=curves.collectives["all_reduce"].plateau,
        scale_out=curves.network.plateau,
        source=curves.source,
    )


def instinct(timings: Timings, usual: KernelCurves) -> dict[str, KernelCurves]:
    """MI300X to MI355X, and the dies of MI210 and MI250."""
    typer.echo("mi355x-288gb")
    hbm = bandwidth_of(gemm_columns(timings.gemm_rows("mi355x-288gb", ["bfloat16"], AITER), 2.0), 8000 * GIGA)
    bandwidth = 8000 * GIGA * hbm
    bf16_rows = timings.gemm_rows("mi355x-288gb", ["bfloat16"], AITER)
    bf16_rows += timings.gemm_rows("mi355x-288gb", ["bfloat16"], "device, loop", of_note="hipBLASLt")
    bf16 = tile_curve(gemm_columns(bf16_rows, 2.0), 2516.6 * TERA, bandwidth, "bf16")
    fp8_rows = timings.gemm_rows("mi355x-288gb", ["fp8_rowwise"], AITER)
    fp8_rows += timings.gemm_rows("mi355x-288gb", ["fp8"], "per-call events", of_note="hipBLASLt")
    fp8 = quantised(tile_curve(gemm_columns(fp8_rows, 1.0), 5033.2 * TERA, bandwidth, "fp8"), 5033.2 * TERA, bandwidth)
    fp4 = tile_curve(
        gemm_columns(timings.gemm_rows("mi355x-288gb", ["mxfp4"], AITER), 0.53125), 10066.3 * TERA, bandwidth, "fp4"
    )
    fp4 = quantised(fp4, 10066.3 * TERA, bandwidth, 4.5)
    collective = evolve(mesh_curve(timings, "mi300x-192gb", 448 * GIGA), plateau=0.757)
    gathering = evolve(collective, plateau=0.62)
    mi355x = evolve(
        usual,
        gemm={"bf16": bf16, "fp8": fp8, "fp4": fp4},
        attention=attention_kernels(timings, "mi355x-288gb", 2516.6 * TERA, MI355X_ATTENTION),
        sustained={},
        hbm=hbm,
        launch_seconds=SMALLEST_KERNEL,
        collectives={name: collective if name == "all_reduce" else gathering for name in PASSES},
        source="MI355X timings: AITER's tuned GEMMs and hipblaslt-bench; attention of HipKittens' benchmarks, flash-2 as "
        "PyTorch's SDPA; all-reduce 407 of 537.6 GB/s (ml-engineering), all-gather 333 and reduce-scatter 326 GB/s (mori "
        "#200), all-to-all as these, small messages as on the MI300X; quantising of activations, which was not timed, at "
        "the memory's bandwidth; the network: the lower quartile of accelerators that were timed",
    )
    typer.echo("mi300x-192gb")
    hbm = 0.775  # copy and triad of BabelStream on an Azure ND MI300X v5
    bandwidth = 5300 * GIGA * hbm
    rows = timings.gemm_rows("mi300x-192gb", ["bfloat16"], "per-call events", of_note="torch.matmul")
    rows += timings.gemm_rows("mi300x-192gb", ["bfloat16"], "device, loop", "torch events")
    of_300 = tile_curve(gemm_columns(rows, 2.0), 1307.4 * TERA, bandwidth, "bf16", half_k=bf16.half_k)
    rows = [row for row in timings.gemm_rows("mi300x-192gb", ["fp8"]) if float(row["n"]) > 192]
    fp8_300 = tile_curve(gemm_columns(rows, 1.0), 2614.9 * TERA, bandwidth, "fp8", half_k=fp8.half_k)
    fp8_300 = quantised(evolve(fp8_300, launch_seconds=SMALLEST_KERNEL), 2614.9 * TERA, bandwidth)
    collective = mesh_curve(timings, "mi300x-192gb", 448 * GIGA)
    gathering = evolve(collective, plateau=round(collective.plateau * 0.62 / 0.757, 3))
    mi300x = evolve(
        mi355x,
        gemm={"bf16": evolve(of_300, launch_seconds=SMALLEST_KERNEL), "fp8": fp8_300},
        attention=attention_kernels(timings, "mi300x-192gb", 1307.4 * TERA, MI300X_ATTENTION, mi355x),
        hbm=hbm,
        collectives={name: collective if name == "all_reduce" else gathering for name in PASSES},
        source="MI300X timings: hipBLASLt through PyTorch less its gap between calls, AMD's best shapes, hipblaslt-bench in "
        "FP8; BabelStream; HipKittens' attention benchmarks, flash-2 as PyTorch's SDPA, backward as far behind forward as on "
        "the MI355X; rccl-tests on Azure ND MI300X v5, other operations as far behind all-reduce as on the MI355X; "
        "quantising of activations, which was not timed, at the memory's bandwidth; the network: the lower quartile of "
        "accelerators that were timed",
    )
    faster = 0.595 / 0.505  # multiplications of 8192 a side, MI325X against MI300X: a higher power limit
    mi325x = evolve(
        mi300x,
        gemm={name: _times(one, faster) for name, one in mi300x.gemm.items()},
        attention={
            name: AttentionKernel(forward=_times(one.forward, faster), backward=_times(one.backward, faster))
            for name, one in mi300x.attention.items()
        },
        hbm=0.715,
        source=f"the MI300X's curves, multiplications and attention {faster:.3f} times as fast: its own at 8192 a side, "
        f"whose power limit is higher; memory as ROCm's profiler expects it; {mi300x.source}",
    )
    slower = {"bf16": 0.469 / 0.6257, "fp8": 0.5766 / 0.6424}
    mi350x = evolve(
        mi355x,
        gemm={name: _times(one, slower.get(name, slower["fp8"])) for name, one in mi355x.gemm.items()},
        attention={
            name: AttentionKernel(
                forward=_times(one.forward, slower["bf16"]), backward=_times(one.backward, slower["bf16"])
            )
            for name, one in mi355x.attention.items()
        },
        source=f"the MI355X's curves, slower as its own hipBLASLt timings of 8192 a side are; {mi355x.source}",
    )
    typer.echo("mi250-gcd-64gb")
    rows = [row for row in timings.gemm_rows("mi250-128gb", ["float16"]) if "after" in row["note"] and row["m"] != "16"]
    die = gemm_columns(rows, 2.0)
    large = float(np.max(2 * die.m * die.n * die.k / die.seconds)) / (181.05 * TERA)
    half = 2048 * (large / 0.6866 - 1) / (1 - 2048 * large / 0.6866 / 8192)
    plateau = min(0.95, large * (1 + max(half, 0.0) / 8192))
    multiplying = rounded(GemmCurve(plateau=plateau, half_tile=max(half, 0.0), launch_seconds=SMALLEST_KERNEL))
    typer.echo(f"  fp16: {plain(multiplying)}")
    oldest = attention_kernels(timings, "mi300x-192gb", 1307.4 * TERA, {"flash-2": ("torch SDPA (AOTriton)",)}, mi355x)
    dies = evolve(
        mi300x,
        gemm={"fp16": multiplying, "bf16": multiplying, "int8": multiplying},
        attention=oldest,
        source="a die of MI250: hipBLASLt in FP16 (hipblaslt-bench); other formats as that; memory, attention and links, "
        f"of which none was timed, at the fractions of the MI300X: {mi300x.source}",
    )
    old = dict.fromkeys(("mi210-64gb", "mi250-gcd-64gb", "mi250x-gcd-64gb"), dies)
    new = {"mi300x-192gb": mi300x, "mi325x-256gb": mi325x, "mi350x-288gb": mi350x, "mi355x-288gb": mi355x}
    return {**new, **old}


def _times(curve: Any, factor: float) -> Any:
    return evolve(curve, plateau=round(min(0.99, curve.plateau * factor), 4))


def tensor_processors(timings: Timings, usual: KernelCurves) -> dict[str, KernelCurves]:
    """TPUs: one generation's timings stand in for another's."""
    typer.echo("tpu")
    rows = timings.gemm_rows("tpu-v7x", ["bfloat16"], "device trace")
    rows = [row for row in rows if "dvfs" not in row["note"]]
    halves = gemm_columns(rows, 2.0)
    shape = tile_curve(halves, 1153.5 * TERA, 3690 * GIGA * 0.867, "bf16 of v7x, a half")
    gather_rows = [row for row in timings.collectives if row["accelerator"] == "tpu-v7x" and "2x2x1" in row["note"]]
    message, seconds = np.array(
        [(float(row["message_bytes"]), float(row["latency_us"]) * 1e-6) for row in gather_rows]
    ).T
    gathering = _torus_curve(message, seconds, 4.0, 180 * GIGA)
    reducing = evolve(gathering, plateau=0.655)  # 235.8 of 360 GB/s over 16 x 16 chips of v6e
    traced: Mapping[str, tuple[float, float, str]] = {
        "tpu-v7x": (1.0, 0.867, "device traces of half a chip; memory copies of tpu-recipes"),
        "tpu-v6e": (
            918 / 1153.5,
            0.83,
            "device trace at 8192 a side with MaxText's scoped memory flag, shapes as on v7x; a copy",
        ),
        "tpu-v5e": (197 / 1153.5, 0.83, "XLA timed by the host at 8192 a side, shapes as on v7x; memory as on v6e"),
        "tpu-v5p": (459 / 2307, 0.83, "no multiplication nor copy timed: as v6e, shapes as on v7x"),
        "tpu-v4": (275 / 2307, 0.83, "nothing timed: as v6e, shapes as on v7x"),
    }
    found = {}
    reached = {"tpu-v5e": 0.923, "tpu-v7x": None}
    """At 8192 a side, in 16 bits; a smaller array of multipliers is filled by smaller sides."""
    for name, (size, hbm, said) in traced.items():
        at_8192 = reached.get(name, 0.901)
        halves = shape.half_tile * size, shape.half_k * size
        filled = 1.0 / ((1 + halves[0] / 8192) * (1 + halves[1] / 8192))
        plateau = shape.plateau if at_8192 is None else at_8192 / filled
        multiplying = rounded(evolve(shape, plateau=plateau, half_tile=halves[0], half_k=halves[1]))
        formats = {"bf16": multiplying, "int8": evolve(multiplying, plateau=round(plateau * 0.61 / 0.901, 3))}
        if name == "tpu-v7x":
            formats["fp8"] = multiplying
        found[name] = evolve(
            usual,
            gemm=formats,
            attention={"splash": usual.attention["flash-2"]},
            sustained={},
            hbm=hbm,
            launch_seconds=1.0e-6,
            collectives={name: reducing if name == "all_reduce" else gathering for name in PASSES},
            source=f"{said}; int8 as far behind as on v6e; all-gather of tpu-recipes on v7x, all-reduce on 16 x 16 chips of "
            "v6e, reduce-scatter and all-to-all as all-gather; a hop of 1 us (scaling book); attention, the network and "
            "engines' kernels, of which none was timed: the lower quartile of accelerators that were",
        )
    return found


def _torus_curve(message: Array, seconds: Array, ranks: float, link: float) -> CollectiveCurve:
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


def gaudis(usual: KernelCurves) -> dict[str, KernelCurves]:
    """Best of a search over shapes, and collectives of eight cards of Gaudi 3."""
    shape = usual.gemm["bf16"]
    links = {
        name: evolve(usual.collectives[name], plateau=plateau, half_ranks=0.0)
        for name, plateau in (
            *(("all_reduce", 0.95), ("all_gather", 0.95)),
            *(("reduce_scatter", 0.95), ("all_to_all", 0.95)),
        )
    }
    said = (
        "the best of a search over shapes (ml-engineering), its plateau; hccl_demo of eight cards of Gaudi 3, 0.97 of their "
        "links; other shapes, small messages, memory, attention, the network and engines' kernels, of which none was timed: "
        "the lower quartile of accelerators that were"
    )
    reached = {"gaudi2": {"bf16": 0.92, "fp8": 0.90}, "gaudi3": {"bf16": 0.741, "fp8": 0.769}}
    return {
        name: evolve(
            usual,
            gemm={of: rounded(evolve(shape, plateau=plateau)) for of, plateau in formats.items()},
            sustained={},
            collectives=links,
            source=f"{name}: {said}",
        )
        for name, formats in reached.items()
    }


def apples(usual: KernelCurves) -> dict[str, KernelCurves]:
    """Matrix multiplications of MLX and PyTorch, memory, metal-flash-attention."""
    reached = {
        "m2-ultra-76core": (0.90, 0.71, 0.81, 0.86, 0.63),
        "m3-max-40core": (0.90, 0.72, 0.83, 0.91, 0.69),
        "m4-max-40core": (0.73, 0.73, 0.71, 0.91, 0.69),
    }
    found = {}
    for name, (half, whole, hbm, forward, both) in reached.items():
        # forward and backward together are 1 + 2.5 times the FLOPs of forward
        backward = 2.5 / (3.5 / both - 1.0 / forward)
        multiplying = GemmCurve(plateau=half, half_tile=30.0, launch_seconds=5e-6)
        kernel = AttentionKernel(
            forward=AttentionCurve(plateau=forward, half_tokens=200.0, launch_seconds=5e-6),
            backward=AttentionCurve(plateau=short(backward), half_tokens=200.0, launch_seconds=5e-6),
        )
        found[name] = evolve(
            usual,
            gemm={
                "fp16": multiplying,
                "bf16": evolve(multiplying, plateau=min(half, 0.79)),
                "fp32": evolve(multiplying, plateau=whole),
            },
            attention={"metal": kernel},
            sustained={},
            hbm=hbm,
            launch_seconds=5e-6,
            serving=ServingCurves(
                prefill=kernel.forward,
                decode=DecodeCurve(plateau=hbm, half_bytes=1e6, launch_seconds=5e-6),
                source="as in training: no engine's kernels timed",
            ),
            source="16-bit and 32-bit multiplications of MLX and PyTorch on MPS, best sizes; copies of MLX and PyTorch; "
            "metal-flash-attention's own fractions; small shapes and launches estimated",
        )
    return found


def write(package: str, name: str, curves: KernelCurves) -> None:
    """The tables in place of those in the file."""
    path = ROOT / "plugins" / package / "src" / f"llmplan_{package}" / "accelerators" / f"{name}.toml"
    own = path.read_text(encoding="utf-8").partition(MARK)[0].rstrip()
    formats = {"fp16": "bf16", "tf32": "bf16", "fp32": "bf16", "int8": "fp8", "int4": "int8"}
    tables = {"efficiency": plain(efficiency(curves)), "kernels": plain(evolve(curves, borrowed=False))}
    for table in (tables["efficiency"]["flops"], tables["kernels"]["gemm"]):
        for other, stands in formats.items():
            if other not in table and stands in table:
                table[other] = stands
    path.write_text(f"{own}\n\n{MARK}\n\n{toml_text(tables)}", encoding="utf-8")


def main(folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Where the timings are.")]) -> None:
    """Print what the timings say, and write it into the files of the accelerators."""
    global NOTHING  # noqa: PLW0603
    timings = Timings(folder)
    profiles = [profile for _, by, profile in registry().gpus.entries() if by == "llmplan-hardware-nvidia"]
    timed = [one.kernels for one in distinct(profiles) if one.kernels]
    usual = NOTHING = evolve(lower_quartile(timed), sustained={})
    usual = evolve(usual, network=NetworkCurve(plateau=usual.network.plateau, step_seconds=usual.network.step_seconds))
    packages = {
        "hardware_amd": instinct(timings, usual),
        "hardware_tpu": tensor_processors(timings, usual),
        "hardware_gaudi": gaudis(usual),
        "hardware_apple": apples(usual),
    }
    for package, of_package in packages.items():
        for name, curves in of_package.items():
            write(package, name, curves)


NOTHING: KernelCurves


if __name__ == "__main__":
    typer.run(main)
