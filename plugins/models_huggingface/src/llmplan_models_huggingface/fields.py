"""The fields of a config.json that say something about shape, under one name each, and the words that files use.

The names are those of the LLaMA configuration where it has the field.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from attrs import fields, frozen

ALIASES: Mapping[str, str] = {
    **dict.fromkeys(("n_layer", "n_layers", "num_layers"), "num_hidden_layers"),
    **dict.fromkeys(("n_embd", "n_embed", "d_model"), "hidden_size"),
    **dict.fromkeys(("n_head", "n_heads", "num_heads"), "num_attention_heads"),
    **dict.fromkeys(("num_kv_heads", "multi_query_group_num", "n_head_kv"), "num_key_value_heads"),
    **dict.fromkeys(("kv_channels", "attention_head_dim", "d_kv"), "head_dim"),
    **dict.fromkeys(("n_inner", "ffn_hidden_size", "ffn_dim", "d_ff"), "intermediate_size"),
    **dict.fromkeys(
        ("n_positions", "n_ctx", "seq_length", "model_max_length", "max_seq_len"), "max_position_embeddings"
    ),
    **dict.fromkeys(("max_sequence_length", "max_target_positions"), "max_position_embeddings"),
    **dict.fromkeys(("activation_function", "hidden_activation", "mlp_hidden_act", "activation_type"), "hidden_act"),
    "padded_vocab_size": "vocab_size",
    **dict.fromkeys(("n_routed_experts", "num_local_experts"), "num_experts"),
    **dict.fromkeys(("experts_per_token", "num_experts_per_token", "top_k_experts"), "num_experts_per_tok"),
    **dict.fromkeys(("num_shared_experts",), "n_shared_experts"),
    **dict.fromkeys(
        ("shared_intermediate_size", "moe_shared_expert_intermediate_size", "share_expert_dim"),
        "shared_expert_intermediate_size",
    ),
    **dict.fromkeys(("use_moe_router_bias",), "use_routing_bias"),
    **dict.fromkeys(("num_mtp_modules", "mtp_num_hidden_layers"), "num_nextn_predict_layers"),
    **dict.fromkeys(("sliding_window_size", "attention_window_size"), "sliding_window"),
    **dict.fromkeys(("use_qkv_bias", "add_qkv_bias"), "qkv_bias"),
    **dict.fromkeys(("qk_layernorm", "use_qk_norm"), "qk_norm"),
    "add_bias_linear": "bias",
    "use_bias": "bias",
}
"""What files call a field, and its name here."""


@frozen(kw_only=True)
class Shape:
    """What a config.json says of shape; None is what it leaves out, or says None of."""

    num_hidden_layers: int | None = None
    hidden_size: int | None = None
    num_attention_heads: int | None = None
    num_key_value_heads: int | None = None
    head_dim: int | None = None
    intermediate_size: int | None = None
    vocab_size: int | None = None
    max_position_embeddings: int | None = None
    hidden_act: str | None = None
    tie_word_embeddings: bool | None = None
    attention_bias: bool | None = None
    mlp_bias: bool | None = None
    bias: bool | None = None
    qkv_bias: bool | None = None
    no_bias: bool | None = None
    lm_head_bias: bool | None = None
    qk_norm: bool | None = None
    qk_norm_type: str | None = None
    alibi: bool | None = None
    multi_query: bool | None = None
    multi_query_attention: bool | None = None
    parallel_attn: bool | None = None
    use_parallel_residual: bool | None = None
    new_decoder_architecture: bool | None = None
    num_ln_in_parallel_attn: int | None = None
    word_embed_proj_dim: int | None = None
    do_layer_norm_before: bool | None = None
    rmsnorm: bool | None = None
    post_layer_norm: bool | None = None
    expansion_ratio: float | None = None
    attn_config: Mapping[str, Any] | None = None
    learned_pos_emb: bool | None = None
    embedding_fraction: float | None = None
    norm_type: str | None = None
    type_vocab_size: int | None = None
    position_embedding_type: str | None = None
    embedding_size: int | None = None
    num_hidden_groups: int | None = None
    inner_group_num: int | None = None
    # encoders before decoders
    feed_forward_proj: str | None = None
    num_decoder_layers: int | None = None
    relative_attention_num_buckets: int | None = None
    encoder_layers: int | None = None
    decoder_layers: int | None = None
    encoder_attention_heads: int | None = None
    decoder_attention_heads: int | None = None
    encoder_ffn_dim: int | None = None
    decoder_ffn_dim: int | None = None
    max_source_positions: int | None = None
    num_mel_bins: int | None = None
    # windows and patterns of layers
    sliding_window: int | None = None
    use_sliding_window: bool | None = None
    sliding_window_pattern: int | None = None
    layer_types: list[str] | None = None
    attention_chunk_size: int | None = None
    no_rope_layers: list[int] | None = None
    hybrid_layer_pattern: list[int] | None = None
    hybrid_override_pattern: str | None = None
    full_attention_interval: int | None = None
    block_configs: list[Mapping[str, Any]] | None = None
    cross_attention_layers: list[int] | None = None
    # experts
    num_experts: int | None = None
    num_experts_per_tok: int | None = None
    moe_intermediate_size: int | None = None
    n_shared_experts: int | None = None
    shared_expert_intermediate_size: int | None = None
    first_k_dense_replace: int | None = None
    moe_layer_freq: int | list[int] | None = None
    decoder_sparse_step: int | None = None
    mlp_only_layers: list[int] | None = None
    interleave_moe_layer_step: int | None = None
    intermediate_size_mlp: int | None = None
    dense_intermediate_size: int | None = None
    use_routing_bias: bool | None = None
    topk_method: str | None = None
    enable_moe_block: bool | None = None
    routed_expert_hidden_size: int | None = None
    latent_moe_use_norm: bool | None = None
    num_hash_layers: int | None = None
    # latent and sparse attention
    q_lora_rank: int | None = None
    kv_lora_rank: int | None = None
    qk_nope_head_dim: int | None = None
    qk_rope_head_dim: int | None = None
    qk_head_dim: int | None = None
    v_head_dim: int | None = None
    index_head_dim: int | None = None
    index_n_heads: int | None = None
    index_topk: int | None = None
    sparse_attention_config: Mapping[str, Any] | None = None
    compress_ratios: list[int] | None = None
    o_groups: int | None = None
    o_lora_rank: int | None = None
    hc_mult: int | None = None
    mla_use_output_gate: bool | None = None
    # attention of two shapes
    attention_k_eq_v: bool | None = None
    global_head_dim: int | None = None
    num_global_key_value_heads: int | None = None
    num_kv_shared_layers: int | None = None
    hidden_size_per_layer_input: int | None = None
    use_double_wide_mlp: bool | None = None
    swa_num_attention_heads: int | None = None
    swa_num_key_value_heads: int | None = None
    swa_head_dim: int | None = None
    swa_v_head_dim: int | None = None
    add_swa_attention_sink_bias: bool | None = None
    add_full_attention_sink_bias: bool | None = None
    attn_output_gate: bool | None = None
    attention_output_gate: bool | None = None
    attn_res_block_size: int | None = None
    # recurrent layers
    linear_num_key_heads: int | None = None
    linear_num_value_heads: int | None = None
    linear_key_head_dim: int | None = None
    linear_value_head_dim: int | None = None
    linear_conv_kernel_dim: int | None = None
    linear_attn_config: Mapping[str, Any] | None = None
    mamba_num_heads: int | None = None
    mamba_head_dim: int | None = None
    mamba_proj_bias: bool | None = None
    n_groups: int | None = None
    ssm_state_size: int | None = None
    conv_kernel: int | None = None
    use_conv_bias: bool | None = None
    expand: int | None = None
    chunk_size: int | None = None
    mamba_d_state: int | None = None
    mamba_d_conv: int | None = None
    mamba_expand: int | None = None
    mamba_dt_rank: int | str | None = None
    mamba_conv_bias: bool | None = None
    attn_layer_period: int | None = None
    attn_layer_offset: int | None = None
    expert_layer_period: int | None = None
    expert_layer_offset: int | None = None
    # beside the layers
    num_nextn_predict_layers: int | None = None
    mm_vision_tower: str | None = None
    audio_processor: Mapping[str, Any] | None = None
    embd_layer: Mapping[str, Any] | None = None
    vision_lora: Mapping[str, Any] | None = None
    speech_lora: Mapping[str, Any] | None = None
    vision_config: Mapping[str, Any] | None = None
    audio_config: Mapping[str, Any] | None = None


NAMES = frozenset(field.name for field in fields(Shape))


@cache
def _shapeless() -> frozenset[str]:
    return frozenset(Path(__file__).with_name("shapeless.txt").read_text("utf-8").split())


def shapes_nothing(name: str) -> bool:
    """Whether a field of a config.json is known to leave the shape alone: training, sampling, tokens, scales."""
    return name in _shapeless() or name.endswith(("_token", "_token_id", "_dropout"))
