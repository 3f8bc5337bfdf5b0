"""Rates of runs that last in percent of those of kernels."""

from __future__ import annotations

from llmplan import hookimpl
from planted_mistakes.sound import accelerator, curves


@hookimpl
def llmplan_hardware_profiles():
    return [accelerator(kernels=curves(sustained={"fp16": 92.0}))]
