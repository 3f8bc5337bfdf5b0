"""What every NVIDIA accelerator reaches of its printed peaks: `measured`, and who stands in where nothing was timed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from attrs import evolve

from llmplan.records import CalibratedEfficiency
from llmplan_hardware_nvidia.measured import MEASURED, RUNS, TWO_GPUS

_AS_BF16 = ("fp16", "tf32", "fp32")
_STAND_INS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "a100-sxm-80gb": {"bf16": _AS_BF16, "int8": ("int4",)},
    "h100-sxm-80gb": {"bf16": _AS_BF16, "fp8": ("int8",)},
    "h200-sxm-141gb": {"bf16": _AS_BF16, "fp8": ("int8",)},
    "b200-sxm": {"bf16": _AS_BF16, "fp8": ("int8",)},
    "l40s": {"bf16": _AS_BF16, "fp8": ("int8", "int4")},
}
"""By accelerator and timed format, the formats without timings that take its fraction: 16 bits for the same or a wider
one, else the same or twice the width.
"""


def _complete(name: str) -> CalibratedEfficiency:
    """A measured accelerator, with the formats that nobody timed on it."""
    measured, stand_ins = MEASURED[name], _STAND_INS[name]
    taken = {untimed: measured.flops[timed] for timed, formats in stand_ins.items() for untimed in formats}
    said = "; ".join(f"{', '.join(formats)} as {timed}" for timed, formats in stand_ins.items())
    flops = dict(sorted({**measured.flops, **taken}.items()))
    return evolve(measured, flops=flops, source=f"{measured.source}; {said}")


_TIMED = {name: _complete(name) for name in MEASURED}


def _like(
    nearest: str,
    *names: str,
    link: Literal["same", "bridge", "pcie"] = "same",
    nic: bool = True,
    runs: str | None = None,
) -> dict[str, CalibratedEfficiency]:
    """The nearest relative's numbers, but for links and training runs of another kind."""
    relative = _TIMED[nearest]
    two_gpus = {"same": None, "bridge": nearest, "pcie": "l40s"}[link]
    whose = [f"those of {nearest}"]
    if two_gpus is not None:
        whose.append(f"scale-up as between two {two_gpus}")
    if not nic:
        whose.append("scale-out as between two l40s over PCIe")
    efficiency = evolve(
        relative,
        scale_up=relative.scale_up if two_gpus is None else TWO_GPUS[two_gpus],
        scale_out=relative.scale_out if nic else TWO_GPUS["l40s"],
        training_run=relative.training_run if runs is None else RUNS[runs],
        source=f"no timings of its own: {', '.join([*whose, relative.source])}",
    )
    return dict.fromkeys(names, efficiency)


CALIBRATED: Mapping[str, CalibratedEfficiency] = {
    **_TIMED,
    **_like("a100-sxm-80gb", "a100-sxm-40gb", "a800-sxm-80gb"),
    **_like("a100-sxm-80gb", "v100-sxm2-16gb", "v100-sxm2-32gb", runs="V100"),
    **_like("a100-sxm-80gb", "a100-pcie-40gb", "a100-pcie-80gb", "a30", link="bridge"),
    **_like("a100-sxm-80gb", "a40", "a800-pcie-80gb", "rtx-3090", "rtx-a6000", link="bridge", nic=False),
    **_like("a100-sxm-80gb", "a10", "a10g", "t4", link="pcie", nic=False),
    **_like("a100-sxm-80gb", "v100-pcie-16gb", "v100-pcie-32gb", link="pcie", nic=False, runs="V100"),
    **_like("h100-sxm-80gb", "h20-96gb", "h800-sxm-80gb"),
    **_like("h100-sxm-80gb", "gh200-96gb", "gh200-144gb", "h100-nvl-94gb", "h100-pcie-80gb", link="bridge"),
    **_like("h100-sxm-80gb", "h800-pcie-80gb", link="bridge", nic=False),
    **_like("h200-sxm-141gb", "h200-nvl-141gb", link="bridge"),
    **_like("b200-sxm", "b100-192gb", "b300-sxm", "gb200", "gb300"),
    **_like("b200-sxm", "rtx-5090", "rtx-pro-6000-blackwell-server", link="pcie", nic=False),
    **_like("l40s", "l4", "l40", "rtx-4090", "rtx-6000-ada"),
}
"""By profile name, every NVIDIA accelerator."""
