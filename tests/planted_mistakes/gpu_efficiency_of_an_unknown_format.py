"""An efficiency by a format that is none."""

from __future__ import annotations

from llmplan import hookimpl
from llmplan.records import CalibratedEfficiency
from planted_mistakes.sound import accelerator


@hookimpl
def llmplan_hardware_profiles():
    return [
        accelerator(
            efficiency=CalibratedEfficiency(flops={"fp61": 0.7}, hbm=0.9, scale_up=0.8, scale_out=0.8, source="timed")
        )
    ]
