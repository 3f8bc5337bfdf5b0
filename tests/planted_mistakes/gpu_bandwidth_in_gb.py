"""Bandwidth in GB/s."""

from __future__ import annotations

from llmplan import hookimpl
from planted_mistakes.sound import accelerator


@hookimpl
def llmplan_hardware_profiles():
    return [accelerator(memory_bytes_per_second=3000)]
