"""Phi: Phi-2 with attention and MLP side by side, later ones shaped like LLaMA."""

from __future__ import annotations

from llmplan_models_open.shapes import models

_PHI_2 = models(
    "name hub_id layers hidden heads",
    ("phi-2", "microsoft/phi-2", 32, 2560, 32),
    family="phi",
    paper="Phi-2 announcement, Microsoft Research, December 2023 (1.4T)",
    vocab=51_200,
    max_seq_len=2048,
    norms_per_layer=1,
    gated_mlp=False,
    qkv_bias=True,
    o_bias=True,
    mlp_bias=True,
    lm_head_bias=True,
    parallel_attn_mlp=True,
    norm="layer",
    training_tokens=1.4e12,
    training_seq_len=2048,
)

_PHI_3 = models(
    "name hub_id layers hidden heads ffn_hidden kv_heads training_tokens",
    ("phi-3-mini-4k", "microsoft/Phi-3-mini-4k-instruct", 32, 3072, 32, 8192, 32, 3.3e12),
    ("phi-3-medium-4k", "microsoft/Phi-3-medium-4k-instruct", 40, 5120, 40, 17_920, 10, 4.8e12),
    family="phi3",
    paper="Abdin et al. 2024, arXiv:2404.14219, section 2",
    vocab=32_064,
    max_seq_len=4096,
    sliding_window=2047,
    gated_mlp=True,
    training_seq_len=4096,
)

_PHI_4 = models(
    "name hub_id layers hidden heads",
    ("phi-4", "microsoft/phi-4", 40, 5120, 40),
    family="phi4",
    paper="Abdin et al. 2024, arXiv:2412.08905, section 3 (about 10T)",
    kv_heads=10,
    ffn_hidden=17_920,
    vocab=100_352,
    max_seq_len=16_384,
    gated_mlp=True,
    training_tokens=10e12,
    training_seq_len=4096,
)

_PHI_4_MINI = models(
    "name hub_id layers hidden heads",
    ("phi-4-mini", "microsoft/Phi-4-mini-instruct", 32, 3072, 24),
    family="phi4",
    paper="Microsoft 2025, arXiv:2503.01743 (5T)",
    kv_heads=8,
    ffn_hidden=8192,
    vocab=200_064,
    max_seq_len=131_072,
    gated_mlp=True,
    tied_embeddings=True,
    training_tokens=5e12,
)

MODELS = (*_PHI_2, *_PHI_3, *_PHI_4, *_PHI_4_MINI)
