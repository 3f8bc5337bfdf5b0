"""The size at which half of the rate is left in FLOPs, not in rows."""

from __future__ import annotations

from llmplan import hookimpl
from llmplan.records import GemmCurve
from planted_mistakes.sound import accelerator, curves


@hookimpl
def llmplan_hardware_profiles():
    return [accelerator(kernels=curves(gemm=GemmCurve(plateau=0.8, half_m=1e9)))]
