"""The rate of tensor cores for that of vectors in 32 bits."""

from __future__ import annotations

from llmplan import hookimpl
from planted_mistakes.sound import accelerator


@hookimpl
def llmplan_hardware_profiles():
    return [accelerator(peak_flops={"fp32": 1e15, "fp16": 5e14, "bf16": 5e14})]
