"""Curves of AMD, Google, Intel and Apple accelerators: a folder of timings in, tables of their TOML files out.

For maintainers: ``python tools/other_accelerators FOLDER``. It needs numpy and scipy. The folder is not part of the
repository; of it are read other_gemm.csv, other_attention.csv, other_collectives.csv and other_bandwidth.csv. The fits are
those of plugins/hardware_nvidia/calibration. Few of these chips were timed in all that a plan asks for: what nobody timed
is the nearest relative's, or the lower quartile of the accelerators that were timed.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from attrs import evolve

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "plugins" / "hardware_nvidia")]

from calibration.fitting import short

from llmplan.catalogues import registry
from llmplan.catalogues.forms import plain
from llmplan.records import CalibratedEfficiency, KernelCurves, NetworkCurve
from llmplan_costing.uncalibrated import distinct, lower_quartile
from llmplan_listing.toml_text import toml_text
from other_accelerators import amd, apple, gaudi, tpu
from other_accelerators.timings import Timings

MARK = "# From here on generated from timings by tools/other_accelerators: run it, edit nothing."
STANDS_FOR = {"fp16": "bf16", "tf32": "bf16", "fp32": "bf16", "int8": "fp8", "int4": "int8"}
"""The format whose curve a format takes that was not timed."""


def main(folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Where the timings are.")]) -> None:
    """Print what the timings say, and write it into the files of the accelerators."""
    timings, usual = Timings(folder), usual_curves()
    packages = {
        "hardware_amd": amd.curves(timings, usual),
        "hardware_tpu": tpu.curves(timings, usual),
        "hardware_gaudi": gaudi.curves(usual),
        "hardware_apple": apple.curves(usual),
    }
    for package, of_package in packages.items():
        for name, curves in of_package.items():
            write(package, name, curves)


def usual_curves() -> KernelCurves:
    """The lower quartile of NVIDIA's that were timed."""
    profiles = [profile for _, by, profile in registry().gpus.entries() if by == "llmplan-hardware-nvidia"]
    usual = evolve(lower_quartile([one.kernels for one in distinct(profiles) if one.kernels]), sustained={})
    network = NetworkCurve(plateau=usual.network.plateau, step_seconds=usual.network.step_seconds)
    return evolve(usual, network=network)


def write(package: str, name: str, curves: KernelCurves) -> None:
    """The tables in place of those in the file."""
    path = ROOT / "plugins" / package / "src" / f"llmplan_{package}" / "accelerators" / f"{name}.toml"
    own = path.read_text(encoding="utf-8").partition(MARK)[0].rstrip()
    tables = {"efficiency": plain(efficiency(curves)), "kernels": plain(evolve(curves, borrowed=False))}
    for table in (tables["efficiency"]["flops"], tables["kernels"]["gemm"]):
        for other, stands in STANDS_FOR.items():
            if other not in table and stands in table:
                table[other] = stands
    path.write_text(f"{own}\n\n{MARK}\n\n{toml_text(tables)}", encoding="utf-8")


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


if __name__ == "__main__":
    typer.run(main)
