"""A cost model that ends the process as it goes away."""

from __future__ import annotations

import sys

from delegating import Delegating

from llmplan import hookimpl

ASKS = ("--cost-model", "broken")
CODE = 0
STRICT = 0
SAID = "plugin cost-model-dies-late: ignored as an object goes away: SystemExit: 7 (cost_model_dies_late.py, line 19)"


class Dying:
    def __del__(self):
        sys.exit(7)


class Broken(Delegating):
    def train(self, plan):
        Dying()
        return super().train(plan)


@hookimpl
def llmplan_parallelism_models():
    return [Broken()]
