"""A model that ends the process when it is lowered."""

from __future__ import annotations

import sys

from llmplan import hookimpl
from llmplan_layers import Transformer

ASKS = ("--model", "broken")
CODE = 1
SAID = "model: broken of model-exits failed: SystemExit: 0 (model_exits.py, line 2"


@hookimpl
def llmplan_model_architectures():
    sizes = {"layers": 2, "hidden": 64, "heads": 4, "kv_heads": 4, "head_dim": 16, "ffn_hidden": 128, "vocab": 100}
    return [Broken(name="broken", **sizes, gated_mlp=True)]


class Broken(Transformer):
    """All of a small one, but for its operators."""

    def lower(self, *_, **__):
        sys.exit(0)
