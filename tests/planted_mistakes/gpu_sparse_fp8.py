"""The peak of 8 bits is the sparse one, four times that of 16."""

from __future__ import annotations

from llmplan import hookimpl
from planted_mistakes.sound import accelerator


@hookimpl
def llmplan_hardware_profiles():
    return [accelerator(peak_flops={"fp16": 5e14, "bf16": 5e14, "fp8": 2e15})]
