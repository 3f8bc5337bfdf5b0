"""The same of attention in elements, not in tokens."""

from __future__ import annotations

from llmplan import hookimpl
from llmplan.records import AttentionCurve
from planted_mistakes.sound import accelerator, curves


@hookimpl
def llmplan_hardware_profiles():
    return [accelerator(kernels=curves(attention=AttentionCurve(plateau=0.6, half_tokens=4e6)))]
