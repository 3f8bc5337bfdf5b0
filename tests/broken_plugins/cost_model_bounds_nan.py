"""A cost model whose bounds are no numbers."""

from __future__ import annotations

from delegating import Delegating

from llmplan import hookimpl

ASKS = ("search", "train", "--model", "llama-7b", "--gpu", "a100-sxm-80gb", "--gpus", "8", "--cost-model", "broken")
SAID = "cost-model: broken of cost-model-bounds-nan bounds: "


class Broken(Delegating):
    def bounds(self, plan):
        return float("nan"), 0.0


@hookimpl
def llmplan_parallelism_models():
    return [Broken()]
