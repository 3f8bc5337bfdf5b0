"""One link of those that an accelerator has."""

from __future__ import annotations

from llmplan import hookimpl
from planted_mistakes.sound import accelerator


@hookimpl
def llmplan_hardware_profiles():
    return [accelerator(scale_up=2.5e10, scale_out=2e10, link="NVLink4")]
