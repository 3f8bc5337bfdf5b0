"""Capacity and bandwidth of memory swapped."""

from __future__ import annotations

from llmplan import hookimpl
from planted_mistakes.sound import accelerator


@hookimpl
def llmplan_hardware_profiles():
    return [accelerator(memory_bytes=3.35e12, memory_bytes_per_second=80e9, scale_up=4e10, scale_out=2e10)]
