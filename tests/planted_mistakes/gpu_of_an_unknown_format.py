"""A number format that no dtype asks for."""

from __future__ import annotations

from llmplan import hookimpl
from planted_mistakes.sound import accelerator


@hookimpl
def llmplan_hardware_profiles():
    return [accelerator(peak_flops={"fp61": 5e14})]
