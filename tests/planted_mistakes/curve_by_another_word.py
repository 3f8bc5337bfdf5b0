"""A collective by a word that nobody calls it by."""

from __future__ import annotations

from llmplan import hookimpl
from planted_mistakes.sound import accelerator, curves


@hookimpl
def llmplan_hardware_profiles():
    return [accelerator(kernels=curves(reduced="allreduce"))]
