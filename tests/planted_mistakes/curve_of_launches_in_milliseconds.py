"""Launching a kernel takes 5 ms for 5 us: seconds in milliseconds."""

from __future__ import annotations

from llmplan import hookimpl
from planted_mistakes.sound import accelerator, curves


@hookimpl
def llmplan_hardware_profiles():
    return [accelerator(kernels=curves(launch_seconds=0.005))]
