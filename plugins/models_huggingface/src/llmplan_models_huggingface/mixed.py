"""Decoders whose attention differs from layer to layer: windows, chunks, two shapes of heads, indices, no attention."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import evolve

from llmplan.errors import BadInputError
from llmplan_layers import (
    DenseMlp,
    GroupedAttention,
    LatentAttentionLayer,
    Layer,
    Mask,
    MixtureOfExperts,
    MlpLayer,
    SparseIndex,
    SparseMlp,
)
from llmplan_models_huggingface.family import Family, family, gated_mlp, grouped, kinds_of_layers, required, stack
from llmplan_models_huggingface.fields import Shape
from llmplan_models_huggingface.sparse import EXPERTS, LATENT, experts, latent


def llama4(shape: Shape) -> Mapping[str, Any]:
    """Chunks in all layers but every fourth, experts in every, or every other layer, one of them for all tokens."""
    step = shape.interleave_moe_layer_step or 1
    moe = experts(shape, n_shared_experts=1, moe_layer_step=step)
    dense = gated_mlp(shape, shape.intermediate_size_mlp)
    sparse = SparseMlp(moe=moe, dense=gated_mlp(shape))
    attention = grouped(shape)
    layers = required(shape, "num_hidden_layers")
    rotated = shape.no_rope_layers or [number % 4 for number in range(1, layers + 1)]
    chunk = shape.attention_chunk_size
    kinds: dict[tuple[bool, bool], Layer] = {}
    for in_chunks in (True, False):
        mask: dict[str, Any] = {"window": chunk, "mask": Mask.CHUNKED} if in_chunks and chunk else {}
        for chooses in (True, False):
            kinds[in_chunks, chooses] = Layer(mixer=attention, mlp=sparse if chooses else dense, **mask)
    return stack(shape, [kinds[bool(rotated[number]), moe.has_experts(number)] for number in range(layers)])


def gemma4(shape: Shape) -> Mapping[str, Any]:
    """Windows with their own heads; full layers of wider heads whose values are their keys; experts beside the MLP."""
    shared = shape.num_kv_shared_layers or 0
    narrow = grouped(shape, qk_norm="head")
    wide = grouped(
        shape,
        qk_norm="head",
        head_dim=shape.global_head_dim or required(shape, "head_dim"),
        kv_heads=shape.num_global_key_value_heads or required(shape, "num_key_value_heads"),
        keys_are_values=bool(shape.attention_k_eq_v),
    )
    mlp, norms = _gemma4_mlp(shape)
    window = shape.sliding_window
    own = {
        "sliding_attention": Layer(mixer=narrow, mlp=mlp, window=window, norms=norms),
        "full_attention": Layer(mixer=wide, mlp=mlp, norms=norms),
    }
    order = kinds_of_layers(shape, "layer_types", own)
    last = {
        layer: Layer(mixer=evolve(_grouped(layer), keys_from_before=True), mlp=mlp, window=layer.window, norms=norms)
        for layer in own.values()
    }
    ahead = len(order) - shared
    return stack(shape, [*order[:ahead], *(last[layer] for layer in order[ahead:])])


def _grouped(layer: Layer) -> GroupedAttention:
    assert isinstance(layer.mixer, GroupedAttention)  # noqa: S101 - made above
    return layer.mixer


def _gemma4_mlp(shape: Shape) -> tuple[MlpLayer, int]:
    """With experts the dense MLP runs beside them, as a shared one, behind three further norms."""
    dense = gated_mlp(shape)
    if not shape.enable_moe_block:
        return dense, 4
    width = required(shape, "intermediate_size")
    moe = experts(shape, n_shared_experts=1, shared_ffn_hidden=width, router_bias=True, router_scale=True)
    return SparseMlp(moe=moe, dense=dense), 7


def mimo_v2(shape: Shape) -> Mapping[str, Any]:
    """Narrower values than keys; windows with more KV heads and sinks in most layers."""
    full = grouped(shape, value_head_dim=required(shape, "v_head_dim"), sinks=bool(shape.add_full_attention_sink_bias))
    windowed = grouped(
        shape,
        heads=shape.swa_num_attention_heads or full.heads,
        kv_heads=required(shape, "swa_num_key_value_heads"),
        head_dim=shape.swa_head_dim or full.head_dim,
        value_head_dim=shape.swa_v_head_dim or full.value_head_dim,
        sinks=bool(shape.add_swa_attention_sink_bias),
    )
    pattern = required(shape, "hybrid_layer_pattern")
    mlps = _mlps(shape, experts(shape))
    kinds = {
        (kind, mlp): Layer(mixer=windowed if kind else full, mlp=mlp, window=shape.sliding_window if kind else None)
        for kind in (0, 1)
        for mlp in set(mlps)
    }
    if len(pattern) != len(mlps):
        raise BadInputError(f"hybrid_layer_pattern: {len(pattern)} entries, and num_hidden_layers is {len(mlps)}")
    return stack(shape, [kinds[1 if kind else 0, mlp] for kind, mlp in zip(pattern, mlps, strict=True)])


def step3(shape: Shape) -> Mapping[str, Any]:
    """Windows in three of four layers, experts after the first dense ones, one of them for all tokens."""
    width = shape.shared_expert_intermediate_size
    mlps = _mlps(shape, experts(shape, shared_ffn_hidden=width))
    attention = grouped(shape)
    kinds = {
        (word, mlp): Layer(
            mixer=attention, mlp=mlp, window=shape.sliding_window if word == "sliding_attention" else None
        )
        for word in ("sliding_attention", "full_attention")
        for mlp in set(mlps)
    }
    words = kinds_of_layers(shape, "layer_types", {word: Layer() for word in ("sliding_attention", "full_attention")})
    del words  # looked at for their length and names alone
    return stack(shape, [kinds[pair] for pair in zip(shape.layer_types or (), mlps, strict=True)])


def _mlps(shape: Shape, moe: MixtureOfExperts, width: int | None = None) -> list[MlpLayer]:
    """Of each layer: dense ones, then experts."""
    dense: MlpLayer = gated_mlp(shape, width)
    sparse: MlpLayer = SparseMlp(moe=moe, dense=gated_mlp(shape, width))
    numbers = range(required(shape, "num_hidden_layers"))
    return [sparse if moe.has_experts(number) else dense for number in numbers]


def indexed_latent(shape: Shape) -> Mapping[str, Any]:
    """DeepSeek V3.2: latent attention to the keys that a lightning index chooses; else as DeepSeek V3."""
    attention = LatentAttentionLayer(
        hidden=required(shape, "hidden_size"),
        heads=required(shape, "num_attention_heads"),
        mla=latent(shape),
        o_bias=bool(shape.attention_bias),
        index=SparseIndex(
            heads=required(shape, "index_n_heads"),
            head_dim=required(shape, "index_head_dim"),
            top_k=required(shape, "index_topk"),
        ),
    )
    mlps = _mlps(shape, experts(shape))
    kinds = {mlp: Layer(mixer=attention, mlp=mlp) for mlp in set(mlps)}
    return stack(shape, [kinds[mlp] for mlp in mlps])


def minimax_m3(shape: Shape) -> Mapping[str, Any]:
    """An index of blocks of keys in all but the first layers, norms of queries and keys by head."""
    table = required(shape, "sparse_attention_config")
    full = grouped(shape, qk_norm="head" if shape.qk_norm else "none", output_gate=bool(shape.attention_output_gate))
    index = SparseIndex(
        heads=table["sparse_num_index_heads"],
        head_dim=table["sparse_index_dim"],
        top_k=table["sparse_topk_blocks"] * table["sparse_block_size"],
        weighs_heads=False,
        key_norm=1,
    )
    chosen = evolve(full, index=index)
    moe = experts(shape, shared_ffn_hidden=shape.shared_expert_intermediate_size)
    mlps = _mlps(shape, moe, shape.dense_intermediate_size)
    pattern = table.get("sparse_attention_freq") or [1] * len(mlps)
    if len(pattern) != len(mlps):
        raise BadInputError(f"sparse_attention_config: {len(pattern)} entries for {len(mlps)} layers")
    kinds = {(way, mlp): Layer(mixer=chosen if way else full, mlp=mlp) for way in (0, 1) for mlp in set(mlps)}
    return stack(shape, [kinds[1 if way else 0, mlp] for way, mlp in zip(pattern, mlps, strict=True)])


def nemotron_nas(shape: Shape) -> Mapping[str, Any]:
    """LLaMA with attention left out of some layers and MLPs of many widths (Puzzle, arXiv:2411.19146)."""
    made: dict[tuple[int | None, int | None], Layer] = {}
    order = []
    for block in required(shape, "block_configs"):
        kind = (_kv_heads(shape, block["attention"]), _width(shape, block["ffn"]))
        if kind not in made:
            made[kind] = _nas_layer(shape, *kind)
        order.append(made[kind])
    return stack(shape, order)


def _kv_heads(shape: Shape, table: Mapping[str, Any]) -> int | None:
    if table.get("replace_with_linear"):
        raise BadInputError("block_configs: attention: replace_with_linear is not priced")
    return None if table.get("no_op") else required(shape, "num_attention_heads") // int(table["n_heads_in_group"])


def _width(shape: Shape, table: Mapping[str, Any]) -> int | None:
    """2/3 of the multiple of h, to the next multiple of 256."""
    if table.get("replace_with_linear"):
        raise BadInputError("block_configs: ffn: replace_with_linear is not priced")
    if table.get("no_op"):
        return None
    width = int(2 * table["ffn_mult"] * required(shape, "hidden_size") / 3)
    return -(-width // _ROUNDED_TO) * _ROUNDED_TO


_ROUNDED_TO = 256


def _nas_layer(shape: Shape, kv_heads: int | None, width: int | None) -> Layer:
    mixer = None if kv_heads is None else grouped(shape, kv_heads=kv_heads)
    mlp = None if width is None else DenseMlp(hidden=required(shape, "hidden_size"), ffn_hidden=width, gated=True)
    return Layer(mixer=mixer, mlp=mlp, norms=(mixer is not None) + (mlp is not None))


def mllama(shape: Shape) -> Mapping[str, Any]:
    """LLaMA with layers in between that attend to images, and are passed over where there is none."""
    seeing = len(shape.cross_attention_layers or ())
    alone = Layer(mixer=grouped(shape), mlp=gated_mlp(shape))
    hidden, heads = required(shape, "hidden_size"), required(shape, "num_attention_heads")
    # norms of queries and keys, and a gate of attention and of the MLP
    each = alone.parameters(hidden) + 2 * (hidden // heads) + 2
    order = [alone] * (required(shape, "num_hidden_layers") - seeing)
    beside = {"image_attention": seeing * each} if seeing else {}
    return {**stack(shape, order), "beside": beside, "position_rows": _IMAGE_TOKENS}


_IMAGE_TOKENS = 8
"""Rows of the embedding for tokens that stand for images."""
_INDEX = "index_head_dim index_n_heads index_topk"
_MIMO = (
    "hybrid_layer_pattern sliding_window attention_chunk_size v_head_dim swa_num_attention_heads swa_head_dim "
    "swa_num_key_value_heads swa_v_head_dim add_swa_attention_sink_bias add_full_attention_sink_bias topk_method "
    "attention_bias"
)
_GEMMA4 = (
    "layer_types sliding_window attention_k_eq_v global_head_dim num_global_key_value_heads num_kv_shared_layers "
    "enable_moe_block attention_bias"
)
_LLAMA4 = "attention_chunk_size no_rope_layers interleave_moe_layer_step intermediate_size_mlp attention_bias qk_norm"
_MINIMAX = (
    "sparse_attention_config attention_output_gate qk_norm qk_norm_type use_routing_bias dense_intermediate_size "
    "shared_expert_intermediate_size attention_bias"
)
FAMILIES: Mapping[str, Family] = {
    "llama4_text": family(llama4, f"{EXPERTS} {_LLAMA4}"),
    "gemma4_text": family(gemma4, f"{EXPERTS} {_GEMMA4}", tie_word_embeddings=True),
    "mimo_v2_flash": family(mimo_v2, f"{EXPERTS} {_MIMO}"),
    "step3p7": family(
        step3, f"{EXPERTS} layer_types sliding_window use_routing_bias attention_bias shared_expert_intermediate_size"
    ),
    **dict.fromkeys(("deepseek_v32", "glm_moe_dsa"), family(indexed_latent, f"{EXPERTS} {LATENT} {_INDEX}")),
    "minimax_m3": family(minimax_m3, f"{EXPERTS} {_MINIMAX}"),
    "mllama_text_model": family(mllama, "cross_attention_layers attention_bias"),
    "nemotron-nas": family(nemotron_nas, "block_configs attention_bias mlp_bias"),
}
