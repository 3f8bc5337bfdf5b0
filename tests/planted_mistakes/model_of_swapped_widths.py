"""The width of the MLP for that of the states."""

from __future__ import annotations

from llmplan import hookimpl


@hookimpl
def llmplan_model_architectures():
    from llmplan_layers import Transformer

    sizes = {
        "layers": 32,
        "hidden": 14336,
        "heads": 32,
        "kv_heads": 8,
        "head_dim": 128,
        "ffn_hidden": 4096,
        "vocab": 128256,
        "max_seq_len": 8192,
    }
    return [Transformer(name="planted", gated_mlp=True, **sizes)]
