"""Dense decoders like LLaMA: RMSNorm, a gated MLP, rotary positions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmplan.errors import BadInputError
from llmplan_models_huggingface.family import Family, family, required, window_step
from llmplan_models_huggingface.fields import Shape

# what a make function returns replaces what `decoder` says


def llama(shape: Shape) -> Mapping[str, Any]:
    """Touvron et al. 2023, arXiv:2302.13971; biases where the configuration asks for them."""
    return {
        "qkv_bias": bool(shape.attention_bias),
        "o_bias": bool(shape.attention_bias),
        "mlp_bias": bool(shape.mlp_bias),
    }


def windowed(shape: Shape) -> Mapping[str, Any]:
    """Mistral: every layer looks back on a window, where there is one."""
    return {"sliding_window": shape.sliding_window}


def qwen(shape: Shape) -> Mapping[str, Any]:
    """Biases of queries, keys and values; `intermediate_size` is that of both MLP inputs together."""
    return {"qkv_bias": True, "ffn_hidden": required(shape, "intermediate_size") // 2}


def qwen2(shape: Shape) -> Mapping[str, Any]:
    """Biases of queries, keys and values; windows only where they are switched on."""
    return {"qkv_bias": True, **switched_window(shape)}


def qwen3(shape: Shape) -> Mapping[str, Any]:
    """Norms of queries and keys by head instead of biases."""
    bias = bool(shape.attention_bias)
    return {"qk_norm": "head", "qkv_bias": bias, "o_bias": bias, **switched_window(shape)}


def switched_window(shape: Shape) -> Mapping[str, Any]:
    """A window that the first `max_window_layers` do not have, which no record says: refused where it is on."""
    if shape.use_sliding_window:
        raise BadInputError("use_sliding_window: a window in the layers from max_window_layers on is not priced")
    return {}


def mimo(shape: Shape) -> Mapping[str, Any]:
    """As Qwen2; `attention_bias` is that of queries, keys and values."""
    return {"qkv_bias": bool(shape.attention_bias), **switched_window(shape)}


def olmo2(shape: Shape) -> Mapping[str, Any]:
    """Norms after attention and MLP, and of all queries and all keys (arXiv:2501.00656)."""
    step = window_step(shape.layer_types, required(shape, "num_hidden_layers"))
    if step == 0:
        raise BadInputError("layer_types: no layer in regular steps attends to all tokens")
    windows = {} if step is None else {"sliding_window": shape.sliding_window, "full_attention_step": step}
    return {"qk_norm": "full", **llama(shape), **windows}


def gemma(_shape: Shape) -> Mapping[str, Any]:
    """As LLaMA, embedding and head tied."""
    return {}


def gemma2(shape: Shape) -> Mapping[str, Any]:
    """Norms before and after attention and MLP, every other layer with a window (arXiv:2408.00118)."""
    return {"norms_per_layer": 4, "sliding_window": shape.sliding_window, "full_attention_step": 2}


def gemma3(shape: Shape) -> Mapping[str, Any]:
    """Five layers with a window before each without; norms of queries and keys (arXiv:2503.19786)."""
    step = window_step(shape.layer_types, required(shape, "num_hidden_layers")) or shape.sliding_window_pattern
    windows = {"sliding_window": shape.sliding_window, "full_attention_step": step}
    return {"norms_per_layer": 4, "qk_norm": "head", **windows}


def stablelm(shape: Shape) -> Mapping[str, Any]:
    """LayerNorm, and biases of queries, keys and values where asked for."""
    return {"norm": "layer", "qkv_bias": bool(shape.qkv_bias)}


def starcoder2(shape: Shape) -> Mapping[str, Any]:
    """LayerNorm, two MLP matrices, biases everywhere (arXiv:2402.19173)."""
    bias = bool(shape.bias)
    biases = {"qkv_bias": bias, "o_bias": bias, "mlp_bias": bias}
    return {"norm": "layer", "gated_mlp": False, "sliding_window": shape.sliding_window, **biases}


def phi3(shape: Shape) -> Mapping[str, Any]:
    """As LLaMA; a window where it is shorter than the context."""
    window, context = shape.sliding_window, shape.max_position_embeddings
    inside = window is not None and (context is None or window < context)
    return {"sliding_window": window if inside else None}


def chatglm(shape: Shape) -> Mapping[str, Any]:
    """Two or more KV heads, biases of queries, keys and values alone."""
    kv_heads = shape.num_key_value_heads if shape.multi_query_attention else None
    bias = bool(shape.bias)
    return {
        "kv_heads": kv_heads or required(shape, "num_attention_heads"),
        "qkv_bias": bool(shape.qkv_bias) or bias,
        "o_bias": bias,
        "mlp_bias": bias,
        "norm": "rms" if shape.rmsnorm else "layer",
        "final_norm": shape.post_layer_norm is not False,
    }


def baichuan(shape: Shape) -> Mapping[str, Any]:
    """As LLaMA; the larger model, of 40 heads, has ALiBi (arXiv:2309.10305)."""
    return {"position": "alibi" if required(shape, "num_attention_heads") == _BAICHUAN_13B_HEADS else "rope"}


_BAICHUAN_13B_HEADS = 40
_WINDOW = "sliding_window use_sliding_window"

FAMILIES: Mapping[str, Family] = {
    "llama": family(llama, "attention_bias mlp_bias"),
    "mistral": family(windowed, "sliding_window", num_key_value_heads=8),
    "qwen": family(qwen, "no_bias"),
    "qwen2": family(qwen2, f"{_WINDOW}"),
    "qwen3": family(qwen3, f"{_WINDOW} attention_bias", head_dim=128),
    "mimo": family(mimo, f"{_WINDOW} attention_bias"),
    "olmo2": family(olmo2, "attention_bias layer_types sliding_window"),
    "olmo3": family(olmo2, "attention_bias layer_types sliding_window"),
    "gemma": family(gemma, "attention_bias", tie_word_embeddings=True),
    "gemma2": family(gemma2, "sliding_window layer_types attention_bias", tie_word_embeddings=True),
    "gemma3_text": family(
        gemma3,
        "sliding_window layer_types sliding_window_pattern attention_bias",
        tie_word_embeddings=True,
        sliding_window_pattern=6,
        num_attention_heads=8,
        num_key_value_heads=4,
        head_dim=256,
        vocab_size=262_208,
        max_position_embeddings=131_072,
    ),
    "stablelm": family(stablelm, "qkv_bias"),
    "starcoder2": family(starcoder2, "bias sliding_window", bias=True, tie_word_embeddings=True),
    "llava": family(llama, "attention_bias mlp_bias mm_vision_tower"),
    "phi4mm": family(
        phi3,
        "sliding_window attention_bias mlp_bias lm_head_bias audio_processor embd_layer vision_lora speech_lora",
        tie_word_embeddings=True,
    ),
    "phi3": family(phi3, "sliding_window attention_bias mlp_bias"),
    "chatglm": family(
        chatglm, "bias qkv_bias multi_query_attention rmsnorm post_layer_norm", rmsnorm=True, vocab_size=65_024
    ),
    "baichuan": family(baichuan),
}
