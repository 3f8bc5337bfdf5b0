"""A cost model that lists what is illegal as texts."""

from __future__ import annotations

from delegating import Delegating

from llmplan import hookimpl

ASKS = ("search", "train", "--model", "llama-7b", "--gpu", "a100-sxm-80gb", "--gpus", "8", "--cost-model", "broken")
SAID = "cost-model: broken of cost-model-illegal-text"


class Broken(Delegating):
    def illegal(self, plan):
        return ["tp is odd"]


@hookimpl
def llmplan_parallelism_models():
    return [Broken()]
