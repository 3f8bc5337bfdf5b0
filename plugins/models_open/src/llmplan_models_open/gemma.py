"""Gemma: wide heads, a large tied vocabulary; from Gemma 2 on norms before and after, and sliding windows."""

from __future__ import annotations

from llmplan_models_open.shapes import models

_GEMMA = models(
    "name hub_id layers hidden heads kv_heads ffn_hidden head_dim training_tokens",
    ("gemma-2b", "google/gemma-2b", 18, 2048, 8, 1, 16_384, 256, 3e12),
    ("gemma-7b", "google/gemma-7b", 28, 3072, 16, 16, 24_576, 256, 6e12),
    family="gemma",
    paper="Gemma Team 2024, arXiv:2403.08295",
    vocab=256_000,
    max_seq_len=8192,
    gated_mlp=True,
    tied_embeddings=True,
    training_seq_len=8192,
)

_GEMMA_2 = models(
    "name hub_id layers hidden heads kv_heads head_dim ffn_hidden training_tokens",
    ("gemma-2-2b", "google/gemma-2-2b", 26, 2304, 8, 4, 256, 9216, 2e12),
    ("gemma-2-9b", "google/gemma-2-9b", 42, 3584, 16, 8, 256, 14_336, 8e12),
    ("gemma-2-27b", "google/gemma-2-27b", 46, 4608, 32, 16, 128, 36_864, 13e12),
    family="gemma2",
    paper="Gemma Team 2024, arXiv:2408.00118, section 3.1",
    vocab=256_000,
    max_seq_len=8192,
    sliding_window=4096,
    norms_per_layer=4,
    gated_mlp=True,
    tied_embeddings=True,
    full_attention_step=2,
    training_seq_len=8192,
)

_GEMMA_3 = models(
    "name hub_id layers hidden heads kv_heads head_dim ffn_hidden vocab max_seq_len sliding_window training_tokens",
    ("gemma-3-1b", "google/gemma-3-1b-pt", 26, 1152, 4, 1, 256, 6912, 262_144, 32_768, 512, 2e12),
    ("gemma-3-4b", "google/gemma-3-4b-pt", 34, 2560, 8, 4, 256, 10_240, 262_208, 131_072, 1024, 4e12),
    ("gemma-3-12b", "google/gemma-3-12b-pt", 48, 3840, 16, 8, 256, 15_360, 262_208, 131_072, 1024, 12e12),
    ("gemma-3-27b", "google/gemma-3-27b-pt", 62, 5376, 32, 16, 128, 21_504, 262_208, 131_072, 1024, 14e12),
    family="gemma3",
    paper="Gemma Team 2025, arXiv:2503.19786, section 2.2",
    norms_per_layer=4,
    gated_mlp=True,
    tied_embeddings=True,
    qk_norm="head",
    full_attention_step=6,
    note="the text decoder alone",
)

MODELS = (*_GEMMA, *_GEMMA_2, *_GEMMA_3)
