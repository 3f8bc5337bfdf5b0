"""Qwen 2 and 2.5: biases of queries, keys and values; Qwen 3: norms of queries and keys instead."""

from __future__ import annotations

from llmplan.records import MixtureOfExperts
from llmplan_models_open.shapes import models

_QWEN_2 = models(
    "name hub_id layers hidden heads kv_heads ffn_hidden vocab tied_embeddings training_tokens",
    ("qwen2-0.5b", "Qwen/Qwen2-0.5B", 24, 896, 14, 2, 4864, 151_936, True, 12e12),
    ("qwen2-1.5b", "Qwen/Qwen2-1.5B", 28, 1536, 12, 2, 8960, 151_936, True, 7e12),
    ("qwen2-7b", "Qwen/Qwen2-7B", 28, 3584, 28, 4, 18_944, 152_064, False, 7e12),
    ("qwen2-72b", "Qwen/Qwen2-72B", 80, 8192, 64, 8, 29_568, 152_064, False, 7e12),
    family="qwen2",
    paper="Yang et al. 2024, arXiv:2407.10671, table 1",
    max_seq_len=131_072,
    gated_mlp=True,
    qkv_bias=True,
)

_QWEN_2_MOE = models(
    "name hub_id layers hidden heads",
    ("qwen2-57b-a14b", "Qwen/Qwen2-57B-A14B", 28, 3584, 28),
    family="qwen2",
    paper="Yang et al. 2024, arXiv:2407.10671, table 1",
    kv_heads=4,
    ffn_hidden=18_944,
    vocab=151_936,
    max_seq_len=131_072,
    gated_mlp=True,
    qkv_bias=True,
    moe=MixtureOfExperts(
        n_routed_experts=64, n_shared_experts=8, top_k=8, moe_ffn_hidden=2560, shared_expert_gate=True
    ),
    training_tokens=4.5e12,
    note="training tokens are those after it was made from qwen2-7b",
)

_QWEN_2_5 = models(
    "name hub_id layers hidden heads kv_heads ffn_hidden vocab max_seq_len tied_embeddings",
    ("qwen2.5-0.5b", "Qwen/Qwen2.5-0.5B", 24, 896, 14, 2, 4864, 151_936, 32_768, True),
    ("qwen2.5-1.5b", "Qwen/Qwen2.5-1.5B", 28, 1536, 12, 2, 8960, 151_936, 131_072, True),
    ("qwen2.5-3b", "Qwen/Qwen2.5-3B", 36, 2048, 16, 2, 11_008, 151_936, 32_768, True),
    ("qwen2.5-7b", "Qwen/Qwen2.5-7B", 28, 3584, 28, 4, 18_944, 152_064, 131_072, False),
    ("qwen2.5-14b", "Qwen/Qwen2.5-14B", 48, 5120, 40, 8, 13_824, 152_064, 131_072, False),
    ("qwen2.5-32b", "Qwen/Qwen2.5-32B", 64, 5120, 40, 8, 27_648, 152_064, 131_072, False),
    ("qwen2.5-72b", "Qwen/Qwen2.5-72B", 80, 8192, 64, 8, 29_568, 152_064, 131_072, False),
    family="qwen2.5",
    paper="Qwen Team 2024, arXiv:2412.15115, section 3.1 (18T)",
    gated_mlp=True,
    qkv_bias=True,
    training_tokens=18e12,
)

_QWEN_3 = models(
    "name hub_id layers hidden heads head_dim ffn_hidden tied_embeddings",
    ("qwen3-0.6b", "Qwen/Qwen3-0.6B", 28, 1024, 16, 128, 3072, True),
    ("qwen3-1.7b", "Qwen/Qwen3-1.7B", 28, 2048, 16, 128, 6144, True),
    ("qwen3-4b", "Qwen/Qwen3-4B", 36, 2560, 32, 128, 9728, True),
    ("qwen3-8b", "Qwen/Qwen3-8B", 36, 4096, 32, 128, 12_288, False),
    ("qwen3-14b", "Qwen/Qwen3-14B", 40, 5120, 40, 128, 17_408, False),
    ("qwen3-32b", "Qwen/Qwen3-32B", 64, 5120, 64, 128, 25_600, False),
    family="qwen3",
    paper="Yang et al. 2025, arXiv:2505.09388, section 3.1 (36T)",
    kv_heads=8,
    vocab=151_936,
    max_seq_len=40_960,
    gated_mlp=True,
    qk_norm="head",
    training_tokens=36e12,
)

_QWEN_3_MOE = models(
    "name hub_id layers hidden heads ffn_hidden moe",
    (
        "qwen3-30b-a3b",
        "Qwen/Qwen3-30B-A3B",
        48,
        2048,
        32,
        6144,
        MixtureOfExperts(n_routed_experts=128, top_k=8, moe_ffn_hidden=768),
    ),
    (
        "qwen3-235b-a22b",
        "Qwen/Qwen3-235B-A22B",
        94,
        4096,
        64,
        12_288,
        MixtureOfExperts(n_routed_experts=128, top_k=8, moe_ffn_hidden=1536),
    ),
    family="qwen3",
    paper="Yang et al. 2025, arXiv:2505.09388, section 3.1 (36T)",
    kv_heads=4,
    head_dim=128,
    vocab=151_936,
    max_seq_len=40_960,
    gated_mlp=True,
    qk_norm="head",
    training_tokens=36e12,
)

_QWEN_3_CODER = models(
    "name hub_id layers hidden heads",
    ("qwen3-coder-480b-a35b", "Qwen/Qwen3-Coder-480B-A35B-Instruct", 62, 6144, 96),
    family="qwen3",
    paper="Qwen3-Coder announcement, July 2025 (7.5T)",
    kv_heads=8,
    head_dim=128,
    ffn_hidden=8192,
    vocab=151_936,
    max_seq_len=262_144,
    gated_mlp=True,
    qk_norm="head",
    moe=MixtureOfExperts(n_routed_experts=160, top_k=8, moe_ffn_hidden=2560),
    training_tokens=7.5e12,
)

MODELS = (*_QWEN_2, *_QWEN_2_MOE, *_QWEN_2_5, *_QWEN_3, *_QWEN_3_MOE, *_QWEN_3_CODER)
