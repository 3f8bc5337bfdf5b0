"""DeepSeek V2, V3 and R1, and Kimi K2: latent attention, many small experts, some of them shared."""

from __future__ import annotations

from llmplan.records import LatentAttention, MixtureOfExperts
from llmplan_models_open.shapes import models

_DEEPSEEK_V2 = models(
    "name hub_id layers hidden heads ffn_hidden moe mla training_tokens",
    (
        "deepseek-v2-lite",
        "deepseek-ai/DeepSeek-V2-Lite",
        27,
        2048,
        16,
        10_944,
        MixtureOfExperts(n_routed_experts=64, n_shared_experts=2, top_k=6, moe_ffn_hidden=1408, first_dense_layers=1),
        LatentAttention(kv_lora_rank=512, qk_nope_head_dim=128, qk_rope_head_dim=64, v_head_dim=128),
        5.7e12,
    ),
    (
        "deepseek-v2",
        "deepseek-ai/DeepSeek-V2",
        60,
        5120,
        128,
        12_288,
        MixtureOfExperts(n_routed_experts=160, n_shared_experts=2, top_k=6, moe_ffn_hidden=1536, first_dense_layers=1),
        LatentAttention(q_lora_rank=1536, kv_lora_rank=512, qk_nope_head_dim=128, qk_rope_head_dim=64, v_head_dim=128),
        8.1e12,
    ),
    family="deepseek-v2",
    paper="DeepSeek-AI 2024, arXiv:2405.04434, section 3.1 and appendix B",
    head_dim=192,
    vocab=102_400,
    max_seq_len=163_840,
    gated_mlp=True,
    training_seq_len=4096,
)

_DEEPSEEK_V3 = models(
    "name hub_id layers hidden heads",
    ("deepseek-v3", "deepseek-ai/DeepSeek-V3", 61, 7168, 128),
    ("deepseek-r1", "deepseek-ai/DeepSeek-R1", 61, 7168, 128),
    family="deepseek-v3",
    paper="DeepSeek-AI 2024, arXiv:2412.19437, section 4 (14.8T)",
    head_dim=192,
    ffn_hidden=18_432,
    vocab=129_280,
    max_seq_len=163_840,
    gated_mlp=True,
    moe=MixtureOfExperts(
        n_routed_experts=256, n_shared_experts=1, top_k=8, moe_ffn_hidden=2048, first_dense_layers=3, router_bias=True
    ),
    mla=LatentAttention(q_lora_rank=1536, kv_lora_rank=512, qk_nope_head_dim=128, qk_rope_head_dim=64, v_head_dim=128),
    training_tokens=14.8e12,
    training_seq_len=4096,
    note="the main model; the checkpoint adds one layer for multi-token prediction",
)

_KIMI_K2 = models(
    "name hub_id layers hidden heads",
    ("kimi-k2", "moonshotai/Kimi-K2-Instruct", 61, 7168, 64),
    family="kimi-k2",
    paper="Kimi Team 2025, arXiv:2507.20534, section 2 (15.5T)",
    head_dim=192,
    ffn_hidden=18_432,
    vocab=163_840,
    max_seq_len=131_072,
    gated_mlp=True,
    moe=MixtureOfExperts(
        n_routed_experts=384, n_shared_experts=1, top_k=8, moe_ffn_hidden=2048, first_dense_layers=1, router_bias=True
    ),
    mla=LatentAttention(q_lora_rank=1536, kv_lora_rank=512, qk_nope_head_dim=128, qk_rope_head_dim=64, v_head_dim=128),
    training_tokens=15.5e12,
    training_seq_len=4096,
)

MODELS = (*_DEEPSEEK_V2, *_DEEPSEEK_V3, *_KIMI_K2)
