"""A model that forgets to return its operators."""

from __future__ import annotations

from llmplan import hookimpl
from llmplan_layers import Transformer

ASKS = ("--model", "broken")
SAID = "model: broken of model-lowers-to-nothing"


class Broken(Transformer):
    """All of a small one, but for its operators."""

    def lower(self, *arguments, **options):
        super().lower(*arguments, **options)


@hookimpl
def llmplan_model_architectures():
    sizes = {"layers": 2, "hidden": 64, "heads": 4, "kv_heads": 4, "head_dim": 16, "ffn_hidden": 128, "vocab": 100}
    return [Broken(name="broken", **sizes, gated_mlp=True)]
