"""An accelerator whose curves lack that of its collectives."""

from __future__ import annotations

from llmplan import hookimpl
from llmplan.records import HardwareProfile
from llmplan.records.kernels import KernelCurves, NetworkCurve

ASKS = ("--gpu", "broken", "--tp", "2")
CODE = 2
SAID = "plugin gpu-without-curves 1.0 ignored: llmplan_hardware_profiles: gemm: is empty"


@hookimpl
def llmplan_hardware_profiles():
    network = NetworkCurve(plateau=0.5)
    curves = KernelCurves(gemm={}, attention={}, hbm=0.5, collectives={}, network=network, source="nobody")
    peaks = {"memory_bytes": 1e12, "memory_bytes_per_second": 1e12, "peak_flops": {"fp16": 1e12, "bf16": 1e12}}
    return [HardwareProfile(name="broken", scale_up_bytes_per_second=1e9, kernels=curves, **peaks)]
