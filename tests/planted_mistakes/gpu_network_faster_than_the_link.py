"""The network and the scale-up link swapped."""

from __future__ import annotations

from llmplan import hookimpl
from planted_mistakes.sound import accelerator


@hookimpl
def llmplan_hardware_profiles():
    return [accelerator(scale_up=5e10, scale_out=1e11)]
