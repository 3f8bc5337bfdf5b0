"""Encoders: of text, as models of their own, and of images, beside a language model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import evolve

from llmplan.errors import BadInputError
from llmplan.records import Works
from llmplan_layers import CrossAttention, DenseMlp, GroupedAttention, Layer, Mask
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


def albert(shape: Shape) -> Mapping[str, Any]:
    """BERT whose layers are all the same one, behind narrow tables (arXiv:1909.11942)."""
    if (shape.num_hidden_groups or 1) != 1 or (shape.inner_group_num or 1) != 1:
        raise BadInputError("num_hidden_groups, inner_group_num: more than one group of shared layers is not priced")
    fields = bert(shape)
    layer = fields["order"][0]
    narrow = required(shape, "embedding_size")
    return {
        **fields,
        "order": (layer, *[evolve(layer, again=True)] * (len(fields["order"]) - 1)),
        "embedding_width": narrow,
        "embedding_norm": False,
        # biases of the two matrices, norms as wide as the tables behind them and before the head, a bias of the head
        "head_parameters": fields["hidden"] + narrow + 2 * 2 * narrow + fields["vocab"],
    }


def t5(shape: Shape) -> Mapping[str, Any]:
    """An encoder, and a decoder that attends to it; no biases; positions by a bias of scores (arXiv:1910.10683)."""
    hidden, heads = required(shape, "hidden_size"), required(shape, "num_attention_heads")
    attention = GroupedAttention(hidden=hidden, heads=heads, kv_heads=heads, head_dim=shape.head_dim or hidden // heads)
    gated = "gated" in (shape.feed_forward_proj or "relu")
    mlp = DenseMlp(hidden=hidden, ffn_hidden=required(shape, "intermediate_size"), gated=gated)
    layers = required(shape, "num_hidden_layers")
    order = _encoder_and_decoder(attention, attention, (mlp, mlp), (layers, shape.num_decoder_layers or layers))
    buckets = shape.relative_attention_num_buckets or 32
    return {
        **stack(shape, order),
        "max_seq_len": None,
        "head_parameters": 2 * buckets * heads + hidden,  # scores of encoder and decoder; the norm between them
    }


def whisper(shape: Shape) -> Mapping[str, Any]:
    """An encoder of sound behind two convolutions, and a decoder of text that attends to it (arXiv:2212.04356)."""
    hidden = required(shape, "hidden_size")
    attention, mlps = [], []
    for heads, width in (
        (required(shape, "encoder_attention_heads"), required(shape, "encoder_ffn_dim")),
        (required(shape, "decoder_attention_heads"), required(shape, "decoder_ffn_dim")),
    ):
        attention.append(
            GroupedAttention(
                hidden=hidden,
                heads=heads,
                kv_heads=heads,
                head_dim=hidden // heads,
                qkv_bias=True,
                key_bias=False,
                o_bias=True,
            )
        )
        mlps.append(DenseMlp(hidden=hidden, ffn_hidden=width, gated=False, bias=True))
    counts = (required(shape, "encoder_layers"), required(shape, "decoder_layers"))
    frames = required(shape, "max_source_positions")
    convolutions = hidden * (3 * required(shape, "num_mel_bins") + 1) + hidden * (3 * hidden + 1)
    return {
        **stack(shape, _encoder_and_decoder(attention[0], attention[1], (mlps[0], mlps[1]), counts)),
        "max_seq_len": None,
        "norm_bias": True,
        "position_rows": required(shape, "max_position_embeddings"),
        "head_parameters": 2 * hidden,  # the norm at the end of the encoder
        "beside": {"audio_front_end": convolutions + frames * hidden},
    }


def _encoder_and_decoder(
    reads: GroupedAttention,
    writes: GroupedAttention,
    mlps: tuple[DenseMlp, DenseMlp],
    counts: tuple[int, int],
) -> list[Layer]:
    """All see all in the encoder; the decoder's layers have three norms."""
    encoder = Layer(mixer=reads, mlp=mlps[0], mask=Mask.FULL, works=Works.PROMPT)
    both = CrossAttention(own=writes, cross=evolve(writes))
    decoder = Layer(mixer=both, mlp=mlps[1], norms=3, works=Works.ANSWER)
    return [encoder] * counts[0] + [decoder] * counts[1]


_WHISPER = (
    "encoder_layers decoder_layers encoder_attention_heads decoder_attention_heads encoder_ffn_dim decoder_ffn_dim "
    "max_source_positions num_mel_bins"
)
FAMILIES: Mapping[str, Family] = {
    "bert": family(bert, "type_vocab_size position_embedding_type", tie_word_embeddings=True),
    "albert": family(
        albert,
        "type_vocab_size position_embedding_type embedding_size num_hidden_groups inner_group_num",
        tie_word_embeddings=True,
        embedding_size=128,
    ),
    **dict.fromkeys(
        ("t5", "mt5", "umt5"),
        family(
            t5,
            "feed_forward_proj num_decoder_layers relative_attention_num_buckets",
            tie_word_embeddings=True,
        ),
    ),
    "whisper": family(whisper, _WHISPER, tie_word_embeddings=True),
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
