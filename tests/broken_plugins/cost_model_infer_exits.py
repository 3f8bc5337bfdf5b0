"""A cost model that ends the process when it prices serving."""

from __future__ import annotations

import sys

from delegating import Delegating

from llmplan import hookimpl

ASKS = ("infer", "--model", "llama-7b", "--gpu", "a100-sxm-80gb", "--cost-model", "broken")
SAID = "cost-model: broken of cost-model-infer-exits failed: SystemExit: 0 (cost_model_infer_exits.py"


class Broken(Delegating):
    def infer(self, plan):
        sys.exit(0)


@hookimpl
def llmplan_parallelism_models():
    return [Broken()]
