"""GLM-4.5: experts, grouped queries, biases of queries, keys and values."""

from __future__ import annotations

from llmplan.records import MixtureOfExperts
from llmplan_models_open.shapes import models

MODELS = models(
    "name hub_id layers hidden heads ffn_hidden qk_norm moe training_tokens",
    (
        "glm-4.5",
        "zai-org/GLM-4.5",
        92,
        5120,
        96,
        12_288,
        "head",
        MixtureOfExperts(
            n_routed_experts=160,
            n_shared_experts=1,
            top_k=8,
            moe_ffn_hidden=1536,
            first_dense_layers=3,
            router_bias=True,
        ),
        23e12,
    ),
    (
        "glm-4.5-air",
        "zai-org/GLM-4.5-Air",
        46,
        4096,
        96,
        10_944,
        "none",
        MixtureOfExperts(
            n_routed_experts=128,
            n_shared_experts=1,
            top_k=8,
            moe_ffn_hidden=1408,
            first_dense_layers=1,
            router_bias=True,
        ),
        None,
    ),
    family="glm4.5",
    paper="GLM-4.5 Team 2025, arXiv:2508.06471",
    kv_heads=8,
    head_dim=128,
    vocab=151_552,
    max_seq_len=131_072,
    gated_mlp=True,
    qkv_bias=True,
    note="the main model; the checkpoint adds one layer for multi-token prediction",
)
