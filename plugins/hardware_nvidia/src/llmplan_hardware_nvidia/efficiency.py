"""What every NVIDIA accelerator reaches of its printed peaks: `measured`, and `stand_ins` where nothing was timed."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import evolve

from llmplan.records import CalibratedEfficiency
from llmplan_hardware_nvidia.measured import MEASURED, RUNS, TWO_GPUS
from llmplan_hardware_nvidia.stand_ins import FORMATS, PCIE, RELATIVES, Relative, said


def _complete(name: str) -> CalibratedEfficiency:
    """A measured accelerator, with the formats that nobody timed on it."""
    measured = MEASURED[name]
    taken = {untimed: measured.flops[timed] for timed, formats in FORMATS[name].items() for untimed in formats}
    flops = dict(sorted({**measured.flops, **taken}.items()))
    return evolve(measured, flops=flops, source=f"{measured.source}; {said(name)}")


_TIMED = {name: _complete(name) for name in MEASURED}


def _taken(relative: Relative) -> CalibratedEfficiency:
    """The nearest relative's numbers, but for links and training runs of another kind."""
    nearest = _TIMED[relative.nearest]
    two_gpus = {"same": None, "bridge": relative.nearest, "pcie": PCIE}[relative.link]
    whose = [f"those of {relative.nearest}"]
    if two_gpus is not None:
        whose.append(f"scale-up as between two {two_gpus}")
    if not relative.nic:
        whose.append(f"scale-out as between two {PCIE} over PCIe")
    return evolve(
        nearest,
        scale_up=nearest.scale_up if two_gpus is None else TWO_GPUS[two_gpus],
        scale_out=nearest.scale_out if relative.nic else TWO_GPUS[PCIE],
        training_run=nearest.training_run if relative.runs is None else RUNS[relative.runs],
        source=f"no timings of its own: {', '.join([*whose, nearest.source])}",
    )


CALIBRATED: Mapping[str, CalibratedEfficiency] = {
    **_TIMED,
    **{name: _taken(relative) for name, relative in RELATIVES.items()},
}
"""By profile name, every NVIDIA accelerator."""
