"""A model that ends the process when a search lowers it."""

from __future__ import annotations

import sys

from llmplan import hookimpl
from llmplan_layers import Transformer

ASKS = ("search", "train", "--model", "broken", "--gpu", "a100-sxm-80gb", "--gpus", "8")
SAID = "model: broken of model-exits-in-a-search failed: SystemExit: 0 (model_exits_in_a_search.py"


class Broken(Transformer):
    """All of a small one, but for its operators."""

    def lower(self, *arguments, **options):
        sys.exit(0)


@hookimpl
def llmplan_model_architectures():
    sizes = {"layers": 2, "hidden": 64, "heads": 4, "kv_heads": 4, "head_dim": 16, "ffn_hidden": 128, "vocab": 100}
    return [Broken(name="broken", **sizes, gated_mlp=True)]
