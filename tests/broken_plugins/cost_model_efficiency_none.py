"""A cost model without efficiencies."""

from __future__ import annotations

from delegating import Delegating

from llmplan import hookimpl

ASKS = ("--cost-model", "broken")
SAID = "cost-model: broken of cost-model-efficiency-none efficiency: returned a NoneType, not an Efficiency"


class Broken(Delegating):
    def efficiency(self, hardware, gemm, phase):
        return None


@hookimpl
def llmplan_parallelism_models():
    return [Broken()]
