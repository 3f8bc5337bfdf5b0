"""Sizes of the 70B model under the name of the 7B one."""

from __future__ import annotations

from llmplan import hookimpl


@hookimpl
def llmplan_model_architectures():
    from llmplan_layers import Transformer

    sizes = {"layers": 80, "hidden": 8192, "heads": 64, "kv_heads": 8, "head_dim": 128, "ffn_hidden": 28672}
    return [Transformer(name="planted-7b", gated_mlp=True, vocab=32_000, max_seq_len=4096, **sizes)]
