"""A cost model with one bound in place of two."""

from __future__ import annotations

from delegating import Delegating

from llmplan import hookimpl

ASKS = ("search", "train", "--model", "llama-7b", "--gpu", "a100-sxm-80gb", "--gpus", "8", "--cost-model", "broken")
SAID = "cost-model: broken of cost-model-bounds-one failed: "


class Broken(Delegating):
    def bounds(self, plan):
        return 1.0


@hookimpl
def llmplan_parallelism_models():
    return [Broken()]
