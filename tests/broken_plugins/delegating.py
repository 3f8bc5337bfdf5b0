"""What broken cost models have in common: all that they do not break is done by ``roofline``."""

from __future__ import annotations

from llmplan.catalogues import registry


class Delegating:
    """A cost model that is well."""

    name = "broken"
    description = "roofline, but for one fault"
    default = False
    bounds = illegal = worded = spreads = None

    @property
    def well(self):
        """The one that does the work."""
        return registry().cost_models["roofline"]

    def efficiency(self, hardware, gemm, phase):
        return self.well.efficiency(hardware, gemm, phase)

    def check(self, plan):
        return self.well.check(plan)

    def remarks(self, plan):
        return self.well.remarks(plan)

    def train(self, plan):
        return self.well.train(plan)

    def infer(self, plan):
        return self.well.infer(plan)
