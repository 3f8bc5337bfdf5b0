"""The efficiencies that ``roofline`` takes where the user gives none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmplan.estimate.kernel_efficiency import kernel_efficiency
from llmplan.records import Efficiency

if TYPE_CHECKING:
    from llmplan.estimate import Command
    from llmplan.records import HardwareProfile, NumberFormat

UNCALIBRATED = Efficiency(
    flops=0.5,
    hbm=0.9,
    source="FLOPs 0.5, HBM 0.9: this accelerator has no calibration; the set-up of the published LLaMA tables, "
    "which four LLaMA runs missed by -5.6 % to +9.5 %",
)


def default_efficiency(hardware: HardwareProfile, gemm: NumberFormat, phase: Command) -> Efficiency:
    """Training: what whole runs reached, since nothing is added on top. Inference: what kernels and links reach."""
    if phase == "infer":
        return kernel_efficiency(hardware, gemm)
    known = hardware.efficiency
    if known is None or known.training_run is None:
        return UNCALIBRATED
    run = known.training_run
    return Efficiency(
        flops=run.median,
        hbm=known.hbm,
        scale_up=known.scale_up,
        scale_out=known.scale_out,
        source=f"FLOPs {run.median:.2f}, the median of {run.source}; "
        f"one in ten reached less than {run.low:.2f}, one in ten more than {run.high:.2f}, "
        f"so the time may be off by {run.median / run.high - 1:+.0%} to {run.median / run.low - 1:+.0%}",
    )
