"""Integers at the sparse rate, beside dense floats."""

from __future__ import annotations

from llmplan import hookimpl
from planted_mistakes.sound import accelerator


@hookimpl
def llmplan_hardware_profiles():
    return [accelerator(peak_flops={"fp16": 5e14, "bf16": 5e14, "int8": 4e15})]
