"""A model that ends the process when it is shown."""

from __future__ import annotations

import sys

from llmplan import hookimpl
from llmplan_layers import Transformer

ASKS = ("show", "broken")
SAID = "plugin model-shown-exits failed: SystemExit: 0 (model_shown_exits.py"


class Broken(Transformer):
    """All of a small one, but for its operators."""

    def lower(self, *arguments, **options):
        sys.exit(0)


@hookimpl
def llmplan_model_architectures():
    sizes = {"layers": 2, "hidden": 64, "heads": 4, "kv_heads": 4, "head_dim": 16, "ffn_hidden": 128, "vocab": 100}
    return [Broken(name="broken", **sizes, gated_mlp=True)]
