"""A transformer's shape as Megatron's arguments, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from llmplan_launchers.formats.table import Entry, as_number, said, understood
from llmplan_layers import Transformer

if TYPE_CHECKING:
    from llmplan.records import ModelArchitecture

_POSITIONS = {"rope": "rope", "learned": "learned_absolute", "none": "none"}
_NORMS = {"rms": "RMSNorm", "layer": "LayerNorm"}

SIZES = (
    Entry("--num-layers", "layers"),
    Entry("--hidden-size", "hidden"),
    Entry("--ffn-hidden-size", "ffn_hidden"),
    Entry("--num-attention-heads", "heads"),
    Entry("--kv-channels", "head_dim"),
    Entry("--vocab-size", "vocab"),
    Entry("--max-position-embeddings", "max_seq_len"),
    Entry("--position-embedding-type", "position", _POSITIONS, default="learned"),
    Entry("--normalization", "norm", _NORMS, default="layer"),
    Entry("--mtp-num-layers", "mtp_layers", default=0, quiet=True),
)
EXPERTS = (
    Entry("--num-experts", "n_routed_experts"),
    Entry("--moe-router-topk", "top_k", default=2),
    Entry("--moe-ffn-hidden-size", "moe_ffn_hidden"),
    Entry("--moe-shared-expert-intermediate-size", "shared_ffn_hidden"),
)
LATENT = (
    Entry("--q-lora-rank", "q_lora_rank"),
    Entry("--kv-lora-rank", "kv_lora_rank", default=32),
    Entry("--qk-head-dim", "qk_nope_head_dim", default=128),
    Entry("--qk-pos-emb-head-dim", "qk_rope_head_dim", default=64),
    Entry("--v-head-dim", "v_head_dim", default=128),
)
OF_A_SHAPE = {
    *(entry.key for entry in (*SIZES, *EXPERTS, *LATENT)),
    *("--swiglu", "--untie-embeddings-and-output-weights", "--disable-bias-linear", "--add-qkv-bias"),
    *(
        "--qk-layernorm",
        "--group-query-attention",
        "--num-query-groups",
        "--moe-layer-freq",
        "--multi-latent-attention",
    ),
}
"""Every flag that says something of it."""
OTHER_LAYERS = {
    *("--hybrid-layer-pattern", "--hybrid-override-pattern", "--hybrid-attention-ratio", "--is-hybrid-model"),
    *(
        "--window-size",
        "--experimental-attention-variant",
        "--linear-attention-freq",
        "--heterogeneous-layers-config-path",
    ),
}
"""Flags of layers that are no plain transformer's: what else is said makes no model of the right size."""
_NEEDED = ("--num-layers", "--hidden-size", "--num-attention-heads", "--vocab-size")
_GPT2 = {"--vocab-file", "--merge-file"}
"""Flags of a tokenizer that is GPT-2's unless another is named."""
_VOCABULARY_OF_GPT2 = 50257


def arguments(launcher: str, model: ModelArchitecture) -> tuple[dict[str, Any], list[str]]:
    """Of the model, and what Megatron has no arguments for."""
    if not isinstance(model, Transformer):
        return {}, [f"the shape of {model.name}, which is no plain transformer: give its arguments"]
    shape = {name: getattr(model, name) for name in ("layers", "hidden", "ffn_hidden", "heads", "head_dim", "vocab")}
    shape |= {"max_seq_len": model.max_seq_len, "norm": model.norm, "mtp_layers": model.mtp_layers}
    shape["position"] = model.position if model.position in _POSITIONS else "none"
    if model.mla is not None:
        del shape["head_dim"]  # heads are as wide as latent attention makes them
    keys = said(launcher, SIZES, shape)
    if model.kv_heads != model.heads and model.mla is None:
        keys |= {"--group-query-attention": True, "--num-query-groups": model.kv_heads}
    keys |= {
        "--swiglu": model.gated_mlp,
        "--untie-embeddings-and-output-weights": not model.tied_embeddings,
        "--disable-bias-linear": not (model.mlp_bias or model.o_bias),
        "--add-qkv-bias": model.qkv_bias and not (model.mlp_bias or model.o_bias),
        "--qk-layernorm": model.qk_norm != "none",
        **_experts(launcher, model),
    }
    if model.mla is not None:
        latent = {name: getattr(model.mla, name) for name in (entry.option for entry in LATENT)}
        keys |= {"--multi-latent-attention": True, **said(launcher, LATENT, latent)}
    return keys, _without_words(model)


def _experts(launcher: str, model: Transformer) -> dict[str, Any]:
    moe = model.moe
    if moe is None:
        return {}
    experts = {name: getattr(moe, name) for name in ("n_routed_experts", "top_k", "moe_ffn_hidden")}
    experts["shared_ffn_hidden"] = moe.shared_width or None
    pattern = [int(moe.has_experts(layer)) for layer in range(model.layers)]
    every = {} if all(pattern) else {"--moe-layer-freq": _pattern(pattern)}
    return {**said(launcher, EXPERTS, experts), **every}


def _pattern(layers: list[int]) -> str:
    """A list of zeros and ones as Megatron evaluates it: ``[0]*3+[1]*58``."""
    runs: list[tuple[int, int]] = []
    for layer in layers:
        if runs and runs[-1][0] == layer:
            runs[-1] = (layer, runs[-1][1] + 1)
        else:
            runs.append((layer, 1))
    return "(" + "+".join(f"[{layer}]*{count}" for layer, count in runs) + ")"


def _without_words(model: Transformer) -> list[str]:
    odd = {
        f"position {model.position}": model.position not in _POSITIONS,
        "attention and MLP side by side": model.parallel_attn_mlp,
        f"{model.norms_per_layer} norms a layer": model.norms_per_layer != 2,  # noqa: PLR2004 - as most models
        "a norm behind the embedding": model.embedding_norm,
        "attention sinks": model.attention_sinks,
        "windows of attention": model.sliding_window is not None,
        "biases of some matrices and not of others": model.mlp_bias != model.o_bias,
        "a bias of the output head": model.lm_head_bias,
        "biases of norms other than usual": model.norm_bias not in (None, model.norm == "layer"),
        "no norm before the output head": not model.final_norm,
    }
    return [f"{words}, of {model.name}: its own model code has it" for words, has in odd.items() if has]


def model_of(found: dict[str, Any]) -> Mapping[str, Any] | None:
    """The [model] table of a plan file, its arguments taken out of `found`; None where these are too few."""
    if found.pop("--use-rotary-position-embeddings", None):
        found["--position-embedding-type"] = "rope"
    if "--vocab-size" not in found and (_GPT2 & found.keys() or found.get("--tokenizer-type") == "GPT2BPETokenizer"):
        found["--vocab-size"] = _VOCABULARY_OF_GPT2
    if any(as_number(found.get(flag)) is None for flag in _NEEDED) or OTHER_LAYERS & found.keys():
        return None
    latent = found.pop("--multi-latent-attention", None)
    groups = as_number(found.pop("--num-query-groups", None))
    grouped = found.pop("--group-query-attention", None)
    shape = understood(SIZES, found)
    hidden, gated = shape["hidden"], bool(found.pop("--swiglu", False))
    shape.setdefault("ffn_hidden", int(hidden * 4 * 2 / 3) // 64 * 64 if gated else 4 * hidden)
    bias, qkv_bias = found.pop("--disable-bias-linear", None) is None, found.pop("--add-qkv-bias", None) is not None
    shape |= {
        "name": "from-megatron",
        "gated_mlp": gated,
        "tied_embeddings": found.pop("--untie-embeddings-and-output-weights", None) is None,
        "mlp_bias": bias,
        "o_bias": bias,
        "qkv_bias": (bias or qkv_bias) and not latent,
        "qk_norm": "head" if found.pop("--qk-layernorm", None) else "none",
    }
    if grouped and groups is not None:
        shape["kv_heads"] = groups
    if latent:
        shape["mla"] = understood(LATENT, found)
    if as_number(found.get("--num-experts")) is not None:
        shape["moe"] = _moe(found, shape)
    return shape


def _moe(found: dict[str, Any], shape: Mapping[str, Any]) -> dict[str, Any]:
    moe = understood(EXPERTS, found)
    moe.setdefault("moe_ffn_hidden", shape["ffn_hidden"])
    if moe.get("shared_ffn_hidden") and moe["moe_ffn_hidden"]:
        moe["n_shared_experts"] = max(1, round(moe["shared_ffn_hidden"] / moe["moe_ffn_hidden"]))
    every = found.pop("--moe-layer-freq", None)
    step = as_number(every)
    dense = _leading(str(every)) if every is not None and step is None else None
    if dense is not None:
        moe["first_dense_layers"] = dense
    elif step is not None:
        moe["moe_layer_step"] = step
    elif every is not None:
        found["--moe-layer-freq"] = every
    return moe


def _leading(pattern: str) -> int | None:
    """Dense layers at the start of a pattern like ``([0]*3+[1]*58)``; None of any other pattern."""
    import re

    found = re.fullmatch(r"\(?\[0\](?:\*(\d+))?\+\[1\](?:\*(\d+))?\)?", pattern.replace(" ", ""))
    return None if found is None else int(found[1] or 1)
