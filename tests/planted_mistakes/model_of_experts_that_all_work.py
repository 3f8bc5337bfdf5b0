"""Every token goes to all experts of a model that is named for few."""

from __future__ import annotations

from llmplan import hookimpl


@hookimpl
def llmplan_model_architectures():
    from llmplan_layers import MixtureOfExperts, Transformer

    sizes = {
        "layers": 48,
        "hidden": 2048,
        "heads": 32,
        "kv_heads": 4,
        "head_dim": 128,
        "ffn_hidden": 6144,
        "vocab": 151936,
        "max_seq_len": 32768,
    }
    experts = MixtureOfExperts(n_routed_experts=128, top_k=128, moe_ffn_hidden=768)
    return [Transformer(name="planted-30b-a3b", gated_mlp=True, moe=experts, **sizes)]
