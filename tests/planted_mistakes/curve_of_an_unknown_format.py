"""Rates of runs that last, of a format that is none."""

from __future__ import annotations

from llmplan import hookimpl
from planted_mistakes.sound import accelerator, curves


@hookimpl
def llmplan_hardware_profiles():
    return [accelerator(kernels=curves(sustained={"float16": 0.9}))]
