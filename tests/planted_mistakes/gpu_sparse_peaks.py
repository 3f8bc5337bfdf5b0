"""One format's peak is the sparse one."""

from __future__ import annotations

from llmplan import hookimpl
from planted_mistakes.sound import accelerator


@hookimpl
def llmplan_hardware_profiles():
    return [accelerator(peak_flops={"fp16": 1e15, "bf16": 1e15, "fp8": 5e14})]
