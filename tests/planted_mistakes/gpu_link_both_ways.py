"""Both directions of a link that others state one direction of."""

from __future__ import annotations

from llmplan import hookimpl
from planted_mistakes.sound import accelerator


@hookimpl
def llmplan_hardware_profiles():
    return [accelerator(scale_up=9e11, link="NVLink4")]
