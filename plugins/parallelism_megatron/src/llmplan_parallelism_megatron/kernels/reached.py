"""What kernels and links of one accelerator reach in one number format and framework."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from attrs import evolve

from llmplan.records import (
    AttentionCurve,
    AttentionKernel,
    CollectiveCurve,
    Efficiency,
    FrameworkProfile,
    GemmCurve,
    HardwareProfile,
    KernelCurves,
    NetworkCurve,
    NumberFormat,
    TrainingPlan,
)
from llmplan_parallelism_megatron.kernels.gemm import GemmKernel

FLASH_1_RATE = 0.5
"""Of FlashAttention-2, which is "around 2x" as fast (Dao 2023, arXiv:2307.08691, abstract)."""
_GENERATIONS = {"unfused": "flash-2", "flash-1": "flash-2"}
"""Whose curve stands in for one without its own."""
_NEWEST = "flash-3"
_SIXTEEN_BIT = ("bf16", "fp16")


class Kernels(NamedTuple):
    """What kernels of one accelerator, number format and framework reach."""

    hardware: HardwareProfile
    framework: FrameworkProfile
    narrow: GemmKernel
    """In the format of the layers' multiplications."""
    wide: GemmKernel
    """In that of the output head and of attention: 16 bits where layers multiply in fewer."""
    attention: AttentionKernel
    attention_flops: float
    """Peak of the format of attention, at the rate of the framework's kernel against the curve's."""
    curves: KernelCurves
    bytes_per_second: float
    """Of memory."""


def flat(efficiency: Efficiency, gemm: str) -> KernelCurves:
    """Curves without shape, for efficiencies that the user states."""
    attention = AttentionCurve(plateau=efficiency.flops)
    kernel = AttentionKernel(forward=attention, backward=attention)
    return KernelCurves(
        gemm={gemm: GemmCurve(plateau=efficiency.flops)},
        attention={"any": kernel},
        hbm=efficiency.hbm,
        collectives={"any": CollectiveCurve(plateau=efficiency.scale_up)},
        network=NetworkCurve(plateau=efficiency.scale_out),
        source=efficiency.source,
    )


_STATED = {
    "flops": ("gemm", "attention", "sustained", "serving"),
    "hbm": ("hbm", "serving"),
    "scale_up": ("collectives",),
    "scale_out": ("network",),
}
"""The curves that an efficiency stands in for which the user states beside them."""


def curves_of(efficiency: Efficiency, gemm: str) -> KernelCurves:
    """Those of the accelerator, but for what the user states; flat ones where it has none."""
    without_shape, curves = flat(efficiency, gemm), efficiency.curves
    if curves is None:
        return without_shape
    stated = {name: getattr(without_shape, name) for one in efficiency.stated for name in _STATED[one]}
    return evolve(curves, **stated) if stated else curves


@lru_cache(maxsize=256)
def kernels_of(
    hardware: HardwareProfile, framework: FrameworkProfile, gemm: NumberFormat, efficiency: Efficiency
) -> Kernels:
    """Curves of the accelerator, or flat ones where the user states efficiencies."""
    curves = curves_of(efficiency, gemm.name)
    wide = _wide_format(hardware, gemm)
    bandwidth = hardware.memory_bytes_per_second * curves.hbm
    attention = framework.attention_on(hardware.architecture)

    def gemm_kernel(number_format: NumberFormat) -> GemmKernel:
        name = number_format.name
        rate = framework.kernel_rate * curves.sustained.get(name, 1.0)
        return GemmKernel(_curve(curves, name), number_format.peak_flops * rate, bandwidth)

    return Kernels(
        hardware,
        framework,
        gemm_kernel(gemm),
        gemm_kernel(wide),
        attention_kernel(curves, attention),
        wide.peak_flops * (FLASH_1_RATE if attention == "flash-1" else 1.0),
        curves,
        bandwidth,
    )


def attention_kernel(curves: KernelCurves, name: str | None) -> AttentionKernel:
    """Its own curve, or that of the generation that stands in for it; else the slowest that any kernel has."""
    word, known = name or _NEWEST, curves.attention
    found = known.get(_GENERATIONS.get(word, word))
    return found or min(known.values(), key=lambda kernel: kernel.forward.plateau)


def training_kernels(plan: TrainingPlan) -> Kernels:
    """What the kernels of a training plan reach."""
    return kernels_of(plan.hardware, plan.framework, plan.gemm, plan.efficiency)


def collective_curve(curves: KernelCurves, operation: str) -> CollectiveCurve:
    """That of the operation, else the least that any reaches."""
    return curves.collectives.get(operation) or min(curves.collectives.values(), key=lambda curve: curve.plateau)


def _wide_format(hardware: HardwareProfile, gemm: NumberFormat) -> NumberFormat:
    """16 bits where these are slower than the layers' format, which then has fewer; else the layers' own."""
    for name in _SIXTEEN_BIT:
        peak = hardware.peak_flops.get(name)
        if peak is not None and peak < gemm.peak_flops:
            return NumberFormat(name, peak)
    return gemm


def _curve(curves: KernelCurves, name: str) -> GemmCurve:
    """Of the format, else the least that any format reaches."""
    return curves.gemm.get(name) or min(curves.gemm.values(), key=lambda curve: curve.plateau)
