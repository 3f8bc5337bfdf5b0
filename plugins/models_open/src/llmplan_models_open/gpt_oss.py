"""gpt-oss: experts with biases, every other layer with a window of 128 tokens, attention sinks."""

from __future__ import annotations

from llmplan.records import MixtureOfExperts
from llmplan_models_open.shapes import models

MODELS = models(
    "name hub_id layers hidden heads moe",
    (
        "gpt-oss-20b",
        "openai/gpt-oss-20b",
        24,
        2880,
        64,
        MixtureOfExperts(n_routed_experts=32, top_k=4, moe_ffn_hidden=2880, router_bias=True),
    ),
    (
        "gpt-oss-120b",
        "openai/gpt-oss-120b",
        36,
        2880,
        64,
        MixtureOfExperts(n_routed_experts=128, top_k=4, moe_ffn_hidden=2880, router_bias=True),
    ),
    family="gpt-oss",
    paper="OpenAI 2025, arXiv:2508.10925",
    kv_heads=8,
    head_dim=64,
    ffn_hidden=2880,
    vocab=201_088,
    max_seq_len=131_072,
    sliding_window=128,
    gated_mlp=True,
    qkv_bias=True,
    o_bias=True,
    mlp_bias=True,
    full_attention_step=2,
    attention_sinks=True,
)
