"""The model of a row: a registered one of the same shape, or one made of the columns."""

from __future__ import annotations

import re
from typing import Any

from attrs import evolve

from llmplan.catalogues import registry
from llmplan.records import MixtureOfExperts, Transformer
from llmplan.validation.cells import Cells, flag, needed, text, whole

DEFAULT_VOCAB = 50_257
"""GPT-2's, where a row leaves the vocabulary open."""
MOST_LAYERS = 10_000
_NEAR_VOCAB = 0.02
"""Tables pad vocabularies, or do not."""
_UNTIED = ("distinct input/output embeddings", "untied embeddings")


def model_of(cells: Cells) -> Transformer:
    """As the columns say; a registered model of this shape knows what columns cannot say.

    That is latent attention, heads that are not hidden / heads wide, shared experts.
    """
    made = made_of(cells)
    alike = [model for model in _registered() if same_shape(model, made)]
    if not alike:
        return made
    best = min(alike, key=lambda model: (model.layers != made.layers, abs(model.vocab - made.vocab)))
    return evolve(best, layers=made.layers, vocab=made.vocab, max_seq_len=_context(best, made), **_embeddings(cells))


def assumed_of(cells: Cells) -> tuple[str, ...]:
    """What the model takes for granted."""
    return () if text(cells, "vocab") else (f"vocab not stated: {DEFAULT_VOCAB:,}, GPT-2's",)


def _registered() -> list[Transformer]:
    return [model for _, _, model in registry().models.entries() if isinstance(model, Transformer)]


def same_shape(model: Transformer, made: Transformer) -> bool:
    """The same widths; the number of layers may differ, where a source trained a part of a model."""
    near = abs(model.vocab - made.vocab) <= _NEAR_VOCAB * made.vocab
    return near and _widths(model) == _widths(made)


def _widths(model: Transformer) -> tuple[Any, ...]:
    moe = model.moe
    mlp = model.ffn_hidden if moe is None else (moe.n_routed_experts, moe.top_k, moe.moe_ffn_hidden)
    return model.hidden, model.heads, model.kv_heads, model.gated_mlp, mlp


def _context(model: Transformer, made: Transformer) -> int | None:
    """Wide enough for the sequences of the row."""
    if model.max_seq_len is None or made.max_seq_len is None:
        return None if model.position != "learned" else made.max_seq_len
    return max(model.max_seq_len, made.max_seq_len)


def _embeddings(cells: Cells) -> dict[str, bool]:
    """Untied, where the notes say so."""
    notes = text(cells, "notes").lower()
    return {"tied_embeddings": False} if any(words in notes for words in _UNTIED) else {}


def made_of(cells: Cells) -> Transformer:
    """Like Llama where the MLP is gated: RMS norm, rotations, no bias; else like GPT."""
    gated = bool(flag(cells, "gated_mlp"))
    hidden, heads = needed(cells, "hidden"), needed(cells, "heads")
    expert = whole(cells, "moe_ffn")
    options = {"tied_embeddings": not gated, **_embeddings(cells)}
    return Transformer(
        name=_name(cells),
        layers=whole(cells, "layers", 1, MOST_LAYERS) or needed(cells, "layers"),
        hidden=hidden,
        heads=heads,
        kv_heads=whole(cells, "kv_heads") or heads,
        head_dim=max(1, hidden // heads),
        ffn_hidden=whole(cells, "ffn_hidden") or expert or needed(cells, "ffn_hidden"),
        gated_mlp=gated,
        vocab=whole(cells, "vocab") or DEFAULT_VOCAB,
        max_seq_len=needed(cells, "seq_len"),
        norm="rms" if gated else "layer",
        position="rope" if gated else "learned",
        qkv_bias=not gated,
        o_bias=not gated,
        mlp_bias=not gated,
        moe=_experts(cells),
        **options,
    )


def _experts(cells: Cells) -> MixtureOfExperts | None:
    experts = whole(cells, "moe_experts", 0)
    if not experts:
        return None
    width = whole(cells, "moe_ffn") or needed(cells, "ffn_hidden")
    return MixtureOfExperts(n_routed_experts=experts, top_k=needed(cells, "moe_top_k"), moe_ffn_hidden=width)


def _name(cells: Cells) -> str:
    """A name as records have them."""
    return re.sub(r"[^a-z0-9]+", "-", text(cells, "model_name").lower()).strip("-") or "model"
