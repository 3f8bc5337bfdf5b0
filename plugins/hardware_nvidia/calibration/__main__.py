"""A folder of timings in, the module measured.py out, the tables behind the numbers on stdout.

For maintainers: ``python -m calibration FOLDER`` beside src, or ``python plugins/hardware_nvidia/calibration FOLDER``.
The folder is not part of the repository; of it are read eff_gemm.csv, eff_collectives.csv and training_dev.csv. What
counts, and why, is said in `kernels` and `runs`; what formats and accelerators without timings take, in efficiency.py.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

if not __package__:  # run by its path: the folder stands in sys.path, not the one that it lies in
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from calibration import kernels, module, runs


def read(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def show(lines: Iterable[str]) -> None:
    """A table, after an empty line."""
    typer.echo("\n" + "\n".join(lines))


def main(folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Where the timings are.")]) -> None:
    """Print what the timings say and write measured.py from it."""
    gemms, collectives, training = (
        read(folder / name) for name in ("eff_gemm.csv", "eff_collectives.csv", "training_dev.csv")
    )
    families = runs.by_family(training)
    whole = {family: runs.efficiency(family, of_family) for family, of_family in families.items()}
    timings = {device: kernels.timings(device, gemms, collectives) for device in kernels.TIMED}
    measured = {device: kernels.efficiency(device, timed, whole) for device, timed in timings.items()}
    for family, of_family in families.items():
        show(runs.table(family, of_family))
    for device, timed in timings.items():
        show(kernels.table(device, timed, measured[device]))
    show(runs.left_out_table(training))
    two_gpus = {device.profile: round(timed.all_reduce[2], 3) for device, timed in timings.items()}
    module.write(module.source(whole, {device.profile: record for device, record in measured.items()}, two_gpus))


if __name__ == "__main__":
    typer.run(main)
