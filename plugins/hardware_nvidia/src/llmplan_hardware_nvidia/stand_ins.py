"""Who stands in where nothing was timed: formats for formats, accelerators for their relatives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from attrs import frozen

_AS_BF16 = ("fp16", "tf32", "fp32")

FORMATS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "a100-sxm-80gb": {"bf16": _AS_BF16, "int8": ("int4",)},
    "h100-sxm-80gb": {"bf16": _AS_BF16, "fp8": ("int8",)},
    "h200-sxm-141gb": {"bf16": _AS_BF16, "fp8": ("int8",)},
    "b200-sxm": {"bf16": _AS_BF16, "fp8": ("int8",)},
    "l40s": {"bf16": _AS_BF16, "fp8": ("int8", "int4")},
}
"""By accelerator and timed format, the formats without timings that take its fraction: 16 bits for the same or a wider
one, else the same or twice the width.
"""


def said(name: str) -> str:
    """The stand-ins among the formats of an accelerator, for its source."""
    return "; ".join(f"{', '.join(formats)} as {timed}" for timed, formats in FORMATS[name].items())


@frozen
class Relative:
    """What an accelerator without timings takes after: the nearest one with timings, but for links of another kind."""

    nearest: str
    link: Literal["same", "bridge", "pcie"] = "same"
    nic: bool = True
    runs: str | None = None
    """The family of its training runs, where that is another."""
    clock: float = 1.0
    """Its clock over the nearest one's, where a power limit lowers it: of what kernels reach, not of what links do."""


PCIE = "l40s"
"""Whose timings are those of PCIe."""
ENGINES_KERNELS = "a100-sxm-80gb"
"""Whose fractions an accelerator takes of which no engine's kernels were timed."""
WIDENING = "a100-sxm-80gb"
"""The only one of which multiplications by weights of fewer bits were timed."""


def _like(
    nearest: str,
    *names: str,
    link: Literal["same", "bridge", "pcie"] = "same",
    nic: bool = True,
    runs: str | None = None,
    clock: float = 1.0,
) -> dict[str, Relative]:
    return dict.fromkeys(names, Relative(nearest=nearest, link=link, nic=nic, runs=runs, clock=clock))


RELATIVES: Mapping[str, Relative] = {
    **_like("a100-sxm-80gb", "a100-sxm-40gb", "a800-sxm-80gb"),
    **_like("a100-sxm-80gb", "v100-sxm2-16gb", "v100-sxm2-32gb", runs="V100"),
    **_like("a100-sxm-80gb", "a100-pcie-40gb", "a100-pcie-80gb", "a30", link="bridge"),
    **_like("a100-sxm-80gb", "a40", "a800-pcie-80gb", "rtx-3090", "rtx-a6000", link="bridge", nic=False),
    **_like("a100-sxm-80gb", "a10", "a10g", "t4", link="pcie", nic=False),
    **_like("a100-sxm-80gb", "v100-pcie-16gb", "v100-pcie-32gb", link="pcie", nic=False, runs="V100"),
    **_like("h100-sxm-80gb", "h20-96gb", "h800-sxm-80gb"),
    **_like("h100-sxm-80gb", "h100-sxm-96gb-500w", clock=(500 / 700) ** (1 / 3)),
    **_like("h100-sxm-80gb", "gh200-96gb", "gh200-144gb", "h100-nvl-94gb", "h100-pcie-80gb", link="bridge"),
    **_like("h100-sxm-80gb", "h800-pcie-80gb", link="bridge", nic=False),
    **_like("h200-sxm-141gb", "h200-nvl-141gb", link="bridge"),
    **_like("b200-sxm", "b100-192gb", "b300-sxm", "gb200", "gb300"),
    **_like("b200-sxm", "rtx-5090", "rtx-pro-6000-blackwell-server", link="pcie", nic=False),
    **_like("l40s", "l4", "l40", "rtx-4090", "rtx-6000-ada"),
}
"""By profile name, every NVIDIA accelerator without timings. A chip's power is assumed to grow with the cube of its
clock: 500 of 700 W leave 0.894 of it.
"""
