"""An accelerator with a field that is no number."""

from __future__ import annotations

from llmplan import hookimpl
from llmplan.records import HardwareProfile

ASKS = ()
CODE = 0
SAID = "plugin gpu-that-cannot-be-compared 1.0 ignored: llmplan_hardware_profiles: "


@hookimpl
def llmplan_hardware_profiles():
    links = {"memory_bytes_per_second": "fast", "scale_up_bytes_per_second": 1e9}
    return [HardwareProfile(name="broken", memory_bytes=1e9, peak_flops={"fp16": 1e12}, **links)]
