"""A cost model whose judgements are too few."""

from __future__ import annotations

import numpy as np
from delegating import Delegating

from llmplan import hookimpl

ASKS = ("search", "train", "--model", "llama-7b", "--gpu", "a100-sxm-80gb", "--gpus", "8", "--cost-model", "broken")
SAID = "cost-model: broken of cost-model-illegal-wrong-length"


class Broken(Delegating):
    def illegal(self, plan):
        return {"tp": np.array([True, False, True])}


@hookimpl
def llmplan_parallelism_models():
    return [Broken()]
