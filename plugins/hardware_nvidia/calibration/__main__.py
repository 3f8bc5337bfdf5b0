"""A folder of timings in, tables of accelerators/*.toml out, the figures behind the numbers on stdout.

For maintainers: ``python -m calibration FOLDER`` beside src, or ``python plugins/hardware_nvidia/calibration FOLDER``.
It needs numpy and scipy, which the package does not. The folder is not part of the repository; of it are read the
files in `FILES`. What counts, and why, is said in `kernels` and `runs`, for curves in `gemms`, `attention`,
`collectives`, `curves` and `serving`; what formats without timings take, in `accelerator_files`; what accelerators
without timings take, in their own files.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

import typer
from attrs import evolve

if not __package__:  # run by its path: the folder stands in sys.path, not the one that it lies in
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from calibration import accelerator_files, attention, curves, kernels, runs, serving
from llmplan.records import CalibratedEfficiency, KernelCurves, ServingCurves

FILES = (
    *("eff_gemm.csv", "eff_collectives.csv", "eff_flash_attention.csv", "eff_attention_prefill.csv"),
    *("eff_multinode_nccl.csv", "eff_attention_decode.csv", "training_dev.csv"),
)
RUNS_ALONE = {"V100": "v100-sxm2-32gb"}
"""Families of which training runs alone are known, and whose file says so."""


def read(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def show(lines: Iterable[str]) -> None:
    """A table, after an empty line."""
    typer.echo("\n" + "\n".join(lines))


def efficiencies(tables: curves.Tables, training: list[dict[str, str]]) -> dict[str, CalibratedEfficiency]:
    """One fraction for each of FLOPs, memory and links; training runs go into the file of their own accelerator."""
    families = runs.by_family(training)
    whole = {family: runs.efficiency(family, of_family) for family, of_family in families.items()}
    timings = {device: kernels.timings(device, tables.gemms, tables.collectives) for device in kernels.TIMED}
    measured = {device: kernels.efficiency(device, timed, whole) for device, timed in timings.items()}
    for family, of_family in families.items():
        show(runs.table(family, of_family))
    for device, timed in timings.items():
        show(kernels.table(device, timed, measured[device]))
    show(runs.left_out_table(training))
    for family, profile in RUNS_ALONE.items():
        accelerator_files.write(profile, {"efficiency": accelerator_files.run(whole[family])})
    return {
        device.profile: evolve(measured[device], scale_up_pair=round(timed.all_reduce[2], 3))
        for device, timed in timings.items()
    }


def by_shape(tables: curves.Tables) -> dict[str, KernelCurves]:
    """Curves of the shapes that kernels and links work on."""
    attentions = attention.measured(tables.figures, tables.prefill)
    kernels_of = attention.curves(attentions)
    devices = {device.profile: device for device in kernels.TIMED}
    measured = {name: curves.curves(device, tables, kernels_of[name]) for name, device in devices.items()}
    for name, device in devices.items():
        show(curves.table(device, tables, measured[name]))
    show(attention.table(attentions, kernels_of, tables.prefill))
    show(curves.sisters_table(tables, devices))
    return measured


def of_engines(tables: serving.Tables, measured: Mapping[str, KernelCurves]) -> dict[str, ServingCurves]:
    """Curves of inference engines' kernels."""
    found = {}
    for device in kernels.TIMED:
        trained = measured[device.profile]
        fitted = serving.curves(device, tables, trained.gemm["bf16"], trained.hbm)
        if fitted is not None:
            show(serving.table(device, tables, fitted))
            found[device.profile] = fitted
    return found


def main(folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Where the timings are.")]) -> None:
    """Print what the timings say, and write it into the files of the accelerators."""
    *timings, decode, training = (read(folder / name) for name in FILES)
    tables = curves.Tables(*timings)
    reached = efficiencies(tables, training)
    measured = by_shape(tables)
    engines = of_engines(serving.Tables(tables.prefill, decode, tables.collectives, tables.gemms), measured)
    for name, of_name in measured.items():
        found = accelerator_files.kernels(name, of_name, engines)
        accelerator_files.write(
            name, {"efficiency": accelerator_files.efficiency(name, reached[name]), "kernels": found}
        )


if __name__ == "__main__":
    typer.run(main)
