"""Decoders with experts in place of MLPs, and those with latent attention."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmplan.errors import BadInputError
from llmplan_layers import LatentAttention, MixtureOfExperts
from llmplan_models_huggingface.dense import qwen2, qwen3, windowed
from llmplan_models_huggingface.family import Family, family, required, window_step
from llmplan_models_huggingface.fields import Shape


def experts(shape: Shape, **more: Any) -> MixtureOfExperts:
    """Routed and shared experts, after the first dense layers."""
    given: dict[str, Any] = {
        "n_routed_experts": required(shape, "num_experts"),
        "top_k": required(shape, "num_experts_per_tok"),
        "moe_ffn_hidden": shape.moe_intermediate_size or required(shape, "intermediate_size"),
        "n_shared_experts": shape.n_shared_experts or 0,
        "first_dense_layers": _first_dense(shape),
        "moe_layer_step": _layer_step(shape),
        "router_bias": bool(shape.use_routing_bias) or shape.topk_method == "noaux_tc",
    }
    return MixtureOfExperts(**(given | more))


def _first_dense(shape: Shape) -> int:
    """Layers before the first with experts."""
    frequency = shape.moe_layer_freq
    return frequency.index(1) if isinstance(frequency, list) and 1 in frequency else shape.first_k_dense_replace or 0


def _layer_step(shape: Shape) -> int:
    """Every so many-th layer has experts; a list has a 1 for each that does."""
    frequency = shape.moe_layer_freq
    if not isinstance(frequency, list):
        return frequency or 1
    dense = _first_dense(shape)
    if frequency != [0] * dense + [1] * (len(frequency) - dense):
        raise BadInputError(f"moe_layer_freq: not a 0 for each of the first {dense} layers, then 1")
    return 1


def mixtral(shape: Shape) -> Mapping[str, Any]:
    """Read a Mixtral (Jiang et al. 2024, arXiv:2401.04088)."""
    return {**windowed(shape), "moe": experts(shape)}


def qwen2_moe(shape: Shape) -> Mapping[str, Any]:
    """A gated shared expert; experts from every layer, or every `decoder_sparse_step`-th one."""
    shared = shape.shared_expert_intermediate_size
    more = {"n_shared_experts": 1, "shared_ffn_hidden": shared, "shared_expert_gate": True} if shared else {}
    return {**qwen2(shape), "moe": _qwen_experts(shape, **more)}


def qwen3_moe(shape: Shape) -> Mapping[str, Any]:
    """Read a Qwen3 of routed experts alone (arXiv:2505.09388)."""
    return {**qwen3(shape), "moe": _qwen_experts(shape)}


def _qwen_experts(shape: Shape, **more: Any) -> MixtureOfExperts:
    if shape.mlp_only_layers:
        raise BadInputError(f"mlp_only_layers: {shape.mlp_only_layers}: single layers without experts are not priced")
    return experts(shape, moe_layer_step=shape.decoder_sparse_step or 1, **more)


def deepseek(shape: Shape) -> Mapping[str, Any]:
    """Latent attention, shared experts beside routed ones (arXiv:2405.04434, arXiv:2412.19437)."""
    mla = latent(shape)
    moe = experts(shape) if shape.num_experts else None
    heads = required(shape, "num_attention_heads")
    return {
        "mla": mla,
        "head_dim": mla.qk_head_dim,
        "kv_heads": heads,
        "o_bias": bool(shape.attention_bias),
        "moe": moe,
    }


def latent(shape: Shape) -> LatentAttention:
    """The widths of latents and heads."""
    return LatentAttention(
        q_lora_rank=shape.q_lora_rank,
        kv_lora_rank=required(shape, "kv_lora_rank"),
        qk_nope_head_dim=required(shape, "qk_nope_head_dim"),
        qk_rope_head_dim=required(shape, "qk_rope_head_dim"),
        v_head_dim=required(shape, "v_head_dim"),
    )


def glm4_moe(shape: Shape) -> Mapping[str, Any]:
    """Biases of queries, keys and values, norms of queries and keys where asked for (arXiv:2508.06471)."""
    norm = "head" if shape.qk_norm else "none"
    return {"qkv_bias": bool(shape.attention_bias), "qk_norm": norm, "moe": experts(shape, router_bias=True)}


def minimax_m2(shape: Shape) -> Mapping[str, Any]:
    """Norms of all queries and all keys of a layer, a bias a expert."""
    return {"qk_norm": "full" if shape.qk_norm else "none", "moe": experts(shape)}


def gpt_oss(shape: Shape) -> Mapping[str, Any]:
    """Experts with biases, every other layer with a window, sinks (arXiv:2508.10925)."""
    step = window_step(shape.layer_types, required(shape, "num_hidden_layers"))
    if step == 0:
        raise BadInputError("layer_types: no layer in regular steps attends to all tokens")
    return {
        "sliding_window": shape.sliding_window,
        "full_attention_step": step or 2,
        "attention_sinks": True,
        "qkv_bias": bool(shape.attention_bias),
        "o_bias": bool(shape.attention_bias),
        "mlp_bias": True,
        "moe": experts(shape, router_bias=True),
    }


EXPERTS = "num_experts num_experts_per_tok moe_intermediate_size n_shared_experts first_k_dense_replace moe_layer_freq"
_QWEN = f"{EXPERTS} decoder_sparse_step mlp_only_layers shared_expert_intermediate_size"
_WINDOW = "sliding_window use_sliding_window"
LATENT = "q_lora_rank kv_lora_rank qk_nope_head_dim qk_rope_head_dim qk_head_dim v_head_dim topk_method attention_bias"

FAMILIES: Mapping[str, Family] = {
    "mixtral": family(mixtral, f"{EXPERTS} sliding_window", num_key_value_heads=8),
    "qwen2_moe": family(qwen2_moe, f"{_QWEN} {_WINDOW}"),
    "qwen3_moe": family(qwen3_moe, f"{_QWEN} {_WINDOW} attention_bias"),
    **dict.fromkeys(("deepseek_v2", "deepseek_v3", "kimi_k2"), family(deepseek, f"{EXPERTS} {LATENT}")),
    "glm4_moe": family(glm4_moe, f"{EXPERTS} attention_bias qk_norm"),
    "minimax_m2": family(minimax_m2, f"{EXPERTS} qk_norm qk_norm_type use_routing_bias attention_bias"),
    "gpt_oss": family(
        gpt_oss, f"{EXPERTS} layer_types sliding_window attention_bias", head_dim=64, attention_bias=True
    ),
}
