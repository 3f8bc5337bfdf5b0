"""A collective that reaches half of its link at a thousand gigabytes."""

from __future__ import annotations

from llmplan import hookimpl
from llmplan.records import CollectiveCurve
from planted_mistakes.sound import accelerator, curves


@hookimpl
def llmplan_hardware_profiles():
    return [accelerator(kernels=curves(reduce=CollectiveCurve(plateau=0.8, half_bytes=1e15)))]
