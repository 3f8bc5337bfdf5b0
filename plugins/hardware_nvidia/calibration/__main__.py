"""A folder of timings in, measured*.py out, the tables behind the numbers on stdout.

For maintainers: ``python -m calibration FOLDER`` beside src, or ``python plugins/hardware_nvidia/calibration FOLDER``.
It needs numpy and scipy, which the package does not. The folder is not part of the repository; of it are read the
files in `FILES`. What counts, and why, is said in `kernels` and `runs`, for curves in `gemms`, `attention`,
`collectives`, `curves` and `serving`; what formats and accelerators without timings take, in efficiency.py and
curves.py.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

import typer

if not __package__:  # run by its path: the folder stands in sys.path, not the one that it lies in
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from calibration import attention, curves, curves_module, kernels, module, runs, serving, serving_module
from llmplan.records import KernelCurves

FILES = (
    *("eff_gemm.csv", "eff_collectives.csv", "eff_flash_attention.csv", "eff_attention_prefill.csv"),
    *("eff_multinode_nccl.csv", "eff_attention_decode.csv", "training_dev.csv"),
)


def read(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def show(lines: Iterable[str]) -> None:
    """A table, after an empty line."""
    typer.echo("\n" + "\n".join(lines))


def efficiencies(tables: curves.Tables, training: list[dict[str, str]]) -> None:
    """One fraction for each of FLOPs, memory and links."""
    families = runs.by_family(training)
    whole = {family: runs.efficiency(family, of_family) for family, of_family in families.items()}
    timings = {device: kernels.timings(device, tables.gemms, tables.collectives) for device in kernels.TIMED}
    measured = {device: kernels.efficiency(device, timed, whole) for device, timed in timings.items()}
    for family, of_family in families.items():
        show(runs.table(family, of_family))
    for device, timed in timings.items():
        show(kernels.table(device, timed, measured[device]))
    show(runs.left_out_table(training))
    two_gpus = {device.profile: round(timed.all_reduce[2], 3) for device, timed in timings.items()}
    text = module.source(whole, {device.profile: record for device, record in measured.items()}, two_gpus)
    module.write(module.NAME, text)


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
    module.write(curves_module.NAME, curves_module.source(measured))
    return measured


def of_engines(tables: serving.Tables, measured: Mapping[str, KernelCurves]) -> None:
    """Curves of inference engines' kernels."""
    found = {}
    for device in kernels.TIMED:
        trained = measured[device.profile]
        fitted = serving.curves(device, tables, trained.gemm["bf16"], trained.hbm)
        if fitted is not None:
            show(serving.table(device, tables, fitted))
            found[device.profile] = fitted
    module.write(serving_module.NAME, serving_module.source(found))


def main(folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Where the timings are.")]) -> None:
    """Print what the timings say and write measured.py, measured_kernels.py and measured_serving.py from it."""
    *timings, decode, training = (read(folder / name) for name in FILES)
    tables = curves.Tables(*timings)
    efficiencies(tables, training)
    measured = by_shape(tables)
    of_engines(serving.Tables(tables.prefill, decode, tables.collectives, tables.gemms), measured)


if __name__ == "__main__":
    typer.run(main)
