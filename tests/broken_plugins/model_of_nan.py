"""A model whose operators take no number of FLOPs."""

from __future__ import annotations

from attrs import evolve

from llmplan import hookimpl
from llmplan_layers import Transformer

ASKS = ("--model", "broken")
SAID = "model: broken of model-of-nan"


class Broken(Transformer):
    """All of a small one, but for its operators."""

    def lower(self, *arguments, **options):
        lowered = super().lower(*arguments, **options)
        return evolve(lowered, layers=tuple(map(undone, lowered.layers)))


def undone(block):
    first, *rest = block.operators
    return evolve(block, operators=(evolve(first, flops=float("nan")), *rest))


@hookimpl
def llmplan_model_architectures():
    sizes = {"layers": 2, "hidden": 64, "heads": 4, "kv_heads": 4, "head_dim": 16, "ffn_hidden": 128, "vocab": 100}
    return [Broken(name="broken", **sizes, gated_mlp=True)]
