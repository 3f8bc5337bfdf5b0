"""A word by which tables know another accelerator."""

from __future__ import annotations

from llmplan import hookimpl
from planted_mistakes.sound import accelerator


@hookimpl
def llmplan_hardware_profiles():
    return [accelerator(aliases=("H100-SXM5-80GB",))]
