"""The memory of the card of 40 GB under the name of the one of 80."""

from __future__ import annotations

from attrs import evolve

from llmplan import hookimpl
from planted_mistakes.sound import accelerator


@hookimpl
def llmplan_hardware_profiles():
    return [evolve(accelerator(memory_bytes=40e9), name="planted-80gb")]
