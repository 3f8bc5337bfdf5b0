"""Decoders from before LLaMA: LayerNorm, two MLP matrices, biases, learned positions or ALiBi."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmplan.errors import BadInputError
from llmplan_models_huggingface.family import Family, family, required
from llmplan_models_huggingface.fields import Shape

_TWO_MATRICES = {"norm": "layer", "gated_mlp": False}
_BIASES = {"qkv_bias": True, "o_bias": True, "mlp_bias": True}


def gpt2(_shape: Shape) -> Mapping[str, Any]:
    """Read a GPT-2 (Radford et al. 2019)."""
    return {**_TWO_MATRICES, **_BIASES, "position": "learned"}


def gpt_bigcode(shape: Shape) -> Mapping[str, Any]:
    """GPT-2 with one KV head for all query heads (arXiv:2301.03988)."""
    kv_heads = 1 if shape.multi_query else required(shape, "num_attention_heads")
    return {**gpt2(shape), "kv_heads": kv_heads}


def gptj(_shape: Shape) -> Mapping[str, Any]:
    """Attention and MLP side by side behind one norm, a bias of the head."""
    return {**_TWO_MATRICES, "mlp_bias": True, "lm_head_bias": True, "parallel_attn_mlp": True, "norms_per_layer": 1}


def gpt_neox(shape: Shape) -> Mapping[str, Any]:
    """Attention and MLP side by side, each with its norm (arXiv:2204.06745)."""
    biases = {**_BIASES, "qkv_bias": shape.attention_bias is not False, "o_bias": shape.attention_bias is not False}
    return {**_TWO_MATRICES, **biases, "parallel_attn_mlp": shape.use_parallel_residual is not False}


def bloom(_shape: Shape) -> Mapping[str, Any]:
    """ALiBi, and a norm after the embedding (arXiv:2211.05100)."""
    return {**_TWO_MATRICES, **_BIASES, "position": "alibi", "embedding_norm": True}


def opt(shape: Shape) -> Mapping[str, Any]:
    """Learned positions, two rows more than the context (arXiv:2205.01068)."""
    hidden, width = required(shape, "hidden_size"), shape.word_embed_proj_dim
    if width not in (None, hidden):
        raise BadInputError(
            f"word_embed_proj_dim: {width}: embeddings narrower than hidden_size {hidden} are not priced"
        )
    if shape.do_layer_norm_before is False:
        raise BadInputError("do_layer_norm_before: false: norms after the residual are not priced")
    rows = required(shape, "max_position_embeddings") + 2
    return {**_TWO_MATRICES, **_BIASES, "position": "learned", "learned_pos_rows": rows}


def mpt(shape: Shape) -> Mapping[str, Any]:
    """ALiBi, and no biases, not even of norms."""
    attention: Mapping[str, Any] = shape.attn_config or {}
    if not attention.get("alibi"):
        raise BadInputError("attn_config: without alibi is not priced")
    if attention.get("qk_ln"):
        raise BadInputError("attn_config: qk_ln is not priced")
    bias = not shape.no_bias
    biases = dict.fromkeys(("qkv_bias", "o_bias", "mlp_bias", "norm_bias"), bias)
    heads = required(shape, "num_attention_heads")
    many = attention.get("attn_type", "multihead_attention") == "multihead_attention"
    kv_heads = heads if many else attention.get("kv_n_heads", 1)
    width = int((shape.expansion_ratio or 4) * required(shape, "hidden_size"))
    return {**_TWO_MATRICES, **biases, "position": "alibi", "kv_heads": kv_heads, "ffn_hidden": width}


def falcon(shape: Shape) -> Mapping[str, Any]:
    """Attention and MLP side by side: one norm and one KV head, or in the new form two norms and several KV heads."""
    new, heads = bool(shape.new_decoder_architecture), required(shape, "num_attention_heads")
    bias = bool(shape.bias)
    parallel = shape.parallel_attn is not False or new
    grouped = shape.num_key_value_heads if new else 1 if shape.multi_query is not False else heads
    one_norm = parallel and (not new or shape.num_ln_in_parallel_attn == 1)
    return {
        **_TWO_MATRICES,
        **dict.fromkeys(_BIASES, bias),
        "kv_heads": grouped or heads,
        "parallel_attn_mlp": parallel,
        "norms_per_layer": 1 if one_norm else 2,
        "position": "alibi" if shape.alibi else "rope",
    }


def phi(shape: Shape) -> Mapping[str, Any]:
    """Attention and MLP side by side behind one norm, biases everywhere."""
    if shape.qk_norm:
        raise BadInputError("qk_layernorm: true is not priced")
    return {
        **_TWO_MATRICES,
        **_BIASES,
        "lm_head_bias": True,
        "parallel_attn_mlp": True,
        "norms_per_layer": 1,
    }


_FALCON = "bias alibi multi_query parallel_attn new_decoder_architecture num_ln_in_parallel_attn num_key_value_heads"

FAMILIES: Mapping[str, Family] = {
    "gpt2": family(gpt2, tie_word_embeddings=True, hidden_act="gelu_new"),
    "gpt_bigcode": family(gpt_bigcode, "multi_query", tie_word_embeddings=True, multi_query=True),
    **dict.fromkeys(("gptj", "codegen"), family(gptj, tie_word_embeddings=False)),
    "gpt_neox": family(gpt_neox, "use_parallel_residual attention_bias"),
    "bloom": family(bloom, tie_word_embeddings=True),
    "opt": family(opt, "word_embed_proj_dim do_layer_norm_before", tie_word_embeddings=True),
    "mpt": family(
        mpt,
        "attn_config no_bias expansion_ratio learned_pos_emb embedding_fraction norm_type",
        tie_word_embeddings=True,
    ),
    **dict.fromkeys(("falcon", "RefinedWeb", "RefinedWebModel"), family(falcon, _FALCON, tie_word_embeddings=True)),
    "phi": family(phi, "qk_norm", tie_word_embeddings=False),
}
