"""TPUs v4 to v7x: one generation's timings stand in for another's."""

from __future__ import annotations

import numpy as np
import typer
from attrs import evolve, frozen
from calibration.fitting import rounded

from llmplan.records import CollectiveCurve, GemmCurve, KernelCurves
from other_accelerators.fits import GIGA, OPERATIONS, TERA, gemm_columns, tile_curve, torus_curve
from other_accelerators.timings import Timings

NEWEST, NEWEST_FLOPS = "tpu-v7x", 2307 * TERA


@frozen
class Generation:
    """What is known of one, beside the shapes of the newest."""

    flops: float
    """In 16 bits, of one multiplying unit of those that a program sees: a half of a v7x."""
    hbm: float
    said: str
    at_8192: float | None = 0.901
    """Of its peak, in 16 bits, multiplying 8192 a side; None where the newest's own curve says it."""


GENERATIONS = {
    NEWEST: Generation(NEWEST_FLOPS / 2, 0.867, "device traces of half a chip; memory copies of tpu-recipes", None),
    "tpu-v6e": Generation(
        918 * TERA, 0.83, "device trace at 8192 a side with MaxText's scoped memory flag, shapes as on v7x; a copy"
    ),
    "tpu-v5e": Generation(
        197 * TERA, 0.83, "XLA timed by the host at 8192 a side, shapes as on v7x; memory as on v6e", 0.923
    ),
    "tpu-v5p": Generation(459 / 2 * TERA, 0.83, "no multiplication nor copy timed: as v6e, shapes as on v7x"),
    "tpu-v4": Generation(275 / 2 * TERA, 0.83, "nothing timed: as v6e, shapes as on v7x"),
}


def curves(timings: Timings, usual: KernelCurves) -> dict[str, KernelCurves]:
    """By generation."""
    typer.echo("tpu")
    rows = [row for row in timings.gemm_rows(NEWEST, ["bfloat16"], "device trace") if "dvfs" not in row["note"]]
    newest = GENERATIONS[NEWEST]
    shape = tile_curve(gemm_columns(rows, 2.0), newest.flops, 3690 * GIGA * newest.hbm, "bf16 of v7x, a half")
    gathering = gather_curve(timings)
    reducing = evolve(gathering, plateau=0.655)  # 235.8 of 360 GB/s over 16 x 16 chips of v6e
    links = {name: reducing if name == "all_reduce" else gathering for name in OPERATIONS}
    return {
        name: evolve(
            usual,
            gemm=multiplications(name, one, shape),
            attention={"splash": usual.attention["flash-2"]},
            sustained={},
            hbm=one.hbm,
            launch_seconds=1.0e-6,
            collectives=links,
            source=f"{one.said}; int8 as far behind as on v6e; all-gather of tpu-recipes on v7x, all-reduce on 16 x 16 "
            "chips of v6e, reduce-scatter and all-to-all as all-gather; a hop of 1 us (scaling book); attention, the network "
            "and engines' kernels, of which none was timed: the lower quartile of accelerators that were",
        )
        for name, one in GENERATIONS.items()
    }


def multiplications(name: str, one: Generation, shape: GemmCurve) -> dict[str, GemmCurve]:
    """By format: the newest's shape, at this generation's rate; a smaller array is filled by smaller sides."""
    size = one.flops / GENERATIONS[NEWEST].flops
    half_tile, half_k = shape.half_tile * size, shape.half_k * size
    filled = 1.0 / ((1 + half_tile / 8192) * (1 + half_k / 8192))
    plateau = shape.plateau if one.at_8192 is None else one.at_8192 / filled
    bf16 = rounded(evolve(shape, plateau=plateau, half_tile=half_tile, half_k=half_k))
    formats = {"bf16": bf16, "int8": evolve(bf16, plateau=round(plateau * 0.61 / 0.901, 3))}
    return formats | ({"fp8": bf16} if name == NEWEST else {})


def gather_curve(timings: Timings) -> CollectiveCurve:
    """All-gathers over a 2 x 2 x 1 slice of the newest."""
    rows = [row for row in timings.collectives if row["accelerator"] == NEWEST and "2x2x1" in row["note"]]
    message, seconds = np.array([(float(row["message_bytes"]), float(row["latency_us"]) * 1e-6) for row in rows]).T
    return torus_curve(message, seconds, 4.0, 180 * GIGA)
