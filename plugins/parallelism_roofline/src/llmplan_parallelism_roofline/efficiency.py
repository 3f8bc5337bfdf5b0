"""The efficiencies that ``roofline`` takes where the user gives none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmplan.records import Efficiency
from llmplan_costing.kernel_efficiency import kernel_efficiency

if TYPE_CHECKING:
    from llmplan.estimate import Command
    from llmplan.records import CalibratedEfficiency, HardwareProfile, NumberFormat

_WHOLE_RUNS = 0.54
"""Of what large multiplications reach, by whole runs: the median of A100 (0.58), B200 (0.54), H100 (0.51)."""
UNCALIBRATED = Efficiency(
    flops=0.5,
    hbm=0.9,
    scale_up=0.7,
    scale_out=0.8,
    source="FLOPs 0.5, HBM 0.9: this accelerator has no calibration; the set-up of the published LLaMA tables, "
    "which four LLaMA runs missed by -5.6 % to +9.5 %",
)


def default_efficiency(hardware: HardwareProfile, gemm: NumberFormat, phase: Command) -> Efficiency:
    """Training: what whole runs reached, since nothing is added on top. Inference: what kernels and links reach."""
    if phase == "infer":
        return kernel_efficiency(hardware, gemm)
    known = hardware.efficiency
    if known is None:
        return UNCALIBRATED
    if known.training_run is None:
        return _without_runs(known, gemm)
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


def _without_runs(known: CalibratedEfficiency, gemm: NumberFormat) -> Efficiency:
    """Of an accelerator whose kernels were timed, and of which no whole run is known."""
    kernels = known.flops.get(gemm.name, min(known.flops.values()))
    flops = _WHOLE_RUNS * kernels
    return Efficiency(
        flops=flops,
        hbm=known.hbm,
        scale_up=known.scale_up,
        scale_out=known.scale_out,
        source=f"FLOPs {flops:.2f}: {_WHOLE_RUNS:g} of the {kernels:.2f} that large multiplications "
        "reach, as whole runs on others do; no run on this one is known",
    )
