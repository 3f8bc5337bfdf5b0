"""DeepSeek V4: windows, tokens compressed into fewer, an index over those, streams of states."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmplan.errors import BadInputError
from llmplan_layers import CompressedAttention, CompressedIndex, HyperConnections, Layer, SparseMlp
from llmplan_models_huggingface.family import Family, family, gated_mlp, required, stack
from llmplan_models_huggingface.fields import Shape
from llmplan_models_huggingface.sparse import EXPERTS, experts

_INDEXED = 4
"""So many tokens into one: the ratio at which groups overlap and an index chooses."""


def deepseek_v4(shape: Shape) -> Mapping[str, Any]:
    """Experts in every layer; the first choose them by the token itself, and have no bias for it."""
    layers, ratios = required(shape, "num_hidden_layers"), required(shape, "compress_ratios")
    if len(ratios) < layers:
        raise BadInputError(f"compress_ratios: {len(ratios)} entries, and num_hidden_layers is {layers}")
    hidden, streams = required(shape, "hidden_size"), shape.hc_mult or 1
    mixers = {ratio: _attention(shape, ratio) for ratio in set(ratios[:layers])}
    dense = gated_mlp(shape, required(shape, "moe_intermediate_size"))
    mlps = {bias: SparseMlp(moe=experts(shape, router_bias=bias), dense=dense) for bias in (False, True)}
    residual = HyperConnections(hidden=hidden, streams=streams) if streams > 1 else None
    hashed = shape.num_hash_layers or 0
    kinds = {
        (ratio, bias): Layer(mixer=mixer, mlp=mlp, residual=residual)
        for ratio, mixer in mixers.items()
        for bias, mlp in mlps.items()
    }
    order = [kinds[ratios[number], number >= hashed] for number in range(layers)]
    head = streams * (streams * hidden + 1) + 1 if streams > 1 else 0
    return {**stack(shape, order), "head_parameters": head}


def _attention(shape: Shape, ratio: int) -> CompressedAttention:
    index = None
    if ratio == _INDEXED:
        index = CompressedIndex(
            heads=required(shape, "index_n_heads"),
            head_dim=required(shape, "index_head_dim"),
            top_k=required(shape, "index_topk"),
        )
    return CompressedAttention(
        hidden=required(shape, "hidden_size"),
        heads=required(shape, "num_attention_heads"),
        head_dim=required(shape, "head_dim"),
        q_rank=required(shape, "q_lora_rank"),
        o_groups=required(shape, "o_groups"),
        o_rank=required(shape, "o_lora_rank"),
        window=required(shape, "sliding_window"),
        ratio=ratio,
        overlaps=ratio == _INDEXED,
        index=index,
    )


_FIELDS = (
    "q_lora_rank qk_rope_head_dim o_groups o_lora_rank sliding_window compress_ratios index_head_dim index_n_heads "
    "index_topk hc_mult num_hash_layers topk_method attention_bias"
)
FAMILIES: Mapping[str, Family] = dict.fromkeys(
    ("deepseek_v4", "deepseek_ref"), family(deepseek_v4, f"{EXPERTS} {_FIELDS}")
)
