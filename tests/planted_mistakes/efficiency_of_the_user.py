"""Efficiencies as if the user had stated them."""

from __future__ import annotations

from llmplan import hookimpl
from llmplan.records import Efficiency
from planted_mistakes.sound import Sound


class Planted(Sound):
    """Sound, but for one thing."""

    def efficiency(self, hardware, gemm, phase):
        return Efficiency(flops=0.5, hbm=0.8)


@hookimpl
def llmplan_parallelism_models():
    return [Planted()]
