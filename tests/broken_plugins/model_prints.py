"""A model that prints when it is lowered, in Python and below it."""

from __future__ import annotations

import os

from llmplan import hookimpl
from llmplan_layers import Transformer

ASKS = ("--model", "broken", "--tokens", "1e9")
CODE = 0
STRICT = 0
SAID = "hello from Python"


class Broken(Transformer):
    """All of a small one, but for its operators."""

    def lower(self, *arguments, **options):
        print("hello from Python")
        os.write(1, b"hello from below\n")
        return super().lower(*arguments, **options)


@hookimpl
def llmplan_model_architectures():
    sizes = {"layers": 2, "hidden": 64, "heads": 4, "kv_heads": 4, "head_dim": 16, "ffn_hidden": 128, "vocab": 100}
    return [Broken(name="broken", **sizes, gated_mlp=True)]
