"""The efficiencies of kernels and links that apply where the user gives none and the accelerator has no curves."""

from __future__ import annotations

from llmplan.records import Efficiency, HardwareProfile, NumberFormat

UNCALIBRATED = Efficiency(
    flops=0.7,
    hbm=0.9,
    scale_up=0.7,
    scale_out=0.8,
    source="FLOPs 0.7, HBM 0.9: this accelerator has no calibration; the practical set-up of the published "
    "LLaMA tables",
)


def kernel_efficiency(hardware: HardwareProfile, gemm: NumberFormat) -> Efficiency:
    """What kernels and links of the accelerator reach; formats that were not timed reach the least that any does."""
    known = hardware.efficiency
    if known is None:
        return UNCALIBRATED
    flops = known.flops.get(gemm.name, min(known.flops.values()))
    said = f"FLOPs {flops:.2f}, HBM {known.hbm:.2f}, scale-up {known.scale_up:.2f}: {known.source}"
    return Efficiency(flops=flops, hbm=known.hbm, scale_up=known.scale_up, scale_out=known.scale_out, source=said)
