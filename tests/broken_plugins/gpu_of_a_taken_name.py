"""An accelerator by the name of one that exists."""

from __future__ import annotations

from llmplan import hookimpl
from llmplan.records import HardwareProfile

ASKS = ()
CODE = 0
SAID = "gpu: h100-sxm-80gb is that of llmplan-hardware-nvidia; there is gpu-of-a-taken-name:h100-sxm-80gb, too"


@hookimpl
def llmplan_hardware_profiles():
    return [
        HardwareProfile(
            name="h100-sxm-80gb",
            memory_bytes=1e9,
            memory_bytes_per_second=1e9,
            peak_flops={"fp16": 1e12},
            scale_up_bytes_per_second=1e9,
        )
    ]
