"""Encoders: of text, as models of their own, and of images, beside a language model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmplan.errors import BadInputError
from llmplan.records import DenseMlp, GroupedAttention, Layer, Mask
from llmplan_models_huggingface.family import Family, family, required, stack, width_of_heads
from llmplan_models_huggingface.fields import Shape


def bert(shape: Shape) -> Mapping[str, Any]:
    """Every token sees all others; tables of positions and of two types; a dense layer behind (arXiv:1810.04805)."""
    if shape.position_embedding_type not in (None, "absolute"):
        raise BadInputError(f"position_embedding_type: {shape.position_embedding_type!r} is not priced")
    hidden, heads = required(shape, "hidden_size"), required(shape, "num_attention_heads")
    attention = GroupedAttention(
        hidden=hidden, heads=heads, kv_heads=heads, head_dim=width_of_heads(shape), qkv_bias=True, o_bias=True
    )
    mlp = DenseMlp(hidden=hidden, ffn_hidden=required(shape, "intermediate_size"), gated=False, bias=True)
    layer = Layer(mixer=attention, mlp=mlp, mask=Mask.FULL)
    rows = required(shape, "max_position_embeddings") + (shape.type_vocab_size or 2)
    return {
        **stack(shape, [layer] * required(shape, "num_hidden_layers")),
        "norm_bias": True,
        "embedding_norm": True,
        "final_norm": False,
        "position_rows": rows,
        "head_parameters": hidden * hidden + hidden,
        "generates": False,
    }


FAMILIES: Mapping[str, Family] = {
    "bert": family(bert, "type_vocab_size position_embedding_type", tie_word_embeddings=True),
}


def vision_parameters(table: Mapping[str, Any], text_hidden: int) -> tuple[int, bool]:
    """Of an encoder of images and what leads from it to the language model, and whether that is exact."""
    if "spatial_merge_size" in table and "num_position_embeddings" in table:
        return _qwen3_vision(table), True
    hidden = _first(table, "hidden_size", "vt_hidden_size")
    inner = _first(table, "intermediate_size", "vt_intermediate_size") or 4 * (hidden or 0)
    depth = _first(table, "num_hidden_layers", "vt_num_hidden_layers", "depth")
    if hidden is None or depth is None:
        return 0, False
    patch = 3 * (_first(table, "patch_size") or 0) ** 2 * hidden
    return depth * (4 * hidden * hidden + 2 * hidden * inner) + patch + hidden * text_hidden, False


def _first(table: Mapping[str, Any], *names: str) -> int | None:
    return next((table[name] for name in names if isinstance(table.get(name), int)), None)


def _qwen3_vision(table: Mapping[str, Any]) -> int:
    """Patches, positions, layers with biases; mergers of four patches, one for each layer that reaches deep."""
    h, inner, out = table["hidden_size"], table["intermediate_size"], table["out_hidden_size"]
    patch = table["in_channels"] * table["temporal_patch_size"] * table["patch_size"] ** 2
    layer = (4 * h * h + 4 * h) + (2 * h * inner + inner + h) + 4 * h
    merged = h * table["spatial_merge_size"] ** 2
    merger = merged * merged + merged + merged * out + out
    deep = len(table.get("deepstack_visual_indexes") or ())
    embedding = patch * h + h + table["num_position_embeddings"] * h
    return int(embedding + table["depth"] * layer + merger + 2 * h + deep * (merger + 2 * merged))
