"""A cost model that ends the process, and calls it a success."""

from __future__ import annotations

import sys

from delegating import Delegating

from llmplan import hookimpl

ASKS = ("--cost-model", "broken")
SAID = "cost-model: broken of cost-model-exits failed: SystemExit: 0 (cost_model_exits.py, line 1"


class Broken(Delegating):
    def train(self, _plan):
        sys.exit(0)


@hookimpl
def llmplan_parallelism_models():
    return [Broken()]
