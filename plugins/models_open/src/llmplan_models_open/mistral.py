"""Mistral, dense with a sliding window at first, and Mixtral, eight experts of which a token uses two."""

from __future__ import annotations

from llmplan.records import MixtureOfExperts
from llmplan_models_open.shapes import models

_MISTRAL = models(
    "name hub_id layers hidden heads vocab sliding_window",
    ("mistral-7b-v0.1", "mistralai/Mistral-7B-v0.1", 32, 4096, 32, 32_000, 4096),
    ("mistral-7b-v0.3", "mistralai/Mistral-7B-v0.3", 32, 4096, 32, 32_768, None),
    family="mistral",
    paper="Jiang et al. 2023, arXiv:2310.06825",
    kv_heads=8,
    ffn_hidden=14_336,
    max_seq_len=32_768,
    gated_mlp=True,
)

_MIXTRAL = models(
    "name hub_id layers hidden heads ffn_hidden max_seq_len moe",
    (
        "mixtral-8x7b",
        "mistralai/Mixtral-8x7B-v0.1",
        32,
        4096,
        32,
        14_336,
        32_768,
        MixtureOfExperts(n_routed_experts=8, top_k=2, moe_ffn_hidden=14_336),
    ),
    (
        "mixtral-8x22b",
        "mistralai/Mixtral-8x22B-v0.1",
        56,
        6144,
        48,
        16_384,
        65_536,
        MixtureOfExperts(n_routed_experts=8, top_k=2, moe_ffn_hidden=16_384),
    ),
    family="mixtral",
    paper="Jiang et al. 2024, arXiv:2401.04088",
    kv_heads=8,
    vocab=32_000,
    gated_mlp=True,
)

MODELS = (*_MISTRAL, *_MIXTRAL)
