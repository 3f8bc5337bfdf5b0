"""The model of a row: a registered one where its columns fit, since that knows more, else one made of the columns."""

from __future__ import annotations

import re

from attrs import evolve

from llmplan.catalogues import registry
from llmplan.records import MixtureOfExperts, Transformer
from llmplan.validation.cells import Cells, flag, needed, text, whole

VOCABULARY_WHERE_NOT_STATED = 50_257
"""GPT-2's, which most tables that leave it out have used."""
_MOST_LAYERS = 10_000
_SAME_VOCABULARY = 0.02
"""Padding changes a vocabulary by less."""
_UNTIED = ("untied", "distinct input/output embeddings")


def model_of(cells: Cells) -> Transformer:
    """With the layers of the row: tables measure shortened models."""
    layers = needed(cells, "layers", _MOST_LAYERS)
    registered = _registered(cells) if whole(cells, "moe_experts", 0) else None
    return _from_columns(cells, layers) if registered is None else evolve(registered, layers=layers)


def _registered(cells: Cells) -> Transformer | None:
    """Of the same width, heads, vocabulary and experts."""
    vocab = whole(cells, "vocab") or VOCABULARY_WHERE_NOT_STATED
    for _, _, model in registry().models.entries():
        if not isinstance(model, Transformer) or model.moe is None:
            continue
        moe = (model.moe.n_routed_experts, model.moe.top_k, model.moe.moe_ffn_hidden)
        stated = tuple(whole(cells, column) for column in ("moe_experts", "moe_top_k", "moe_ffn"))
        same = (model.hidden, model.heads) == (whole(cells, "hidden"), whole(cells, "heads")) and moe == stated
        if same and abs(model.vocab - vocab) <= _SAME_VOCABULARY * vocab:
            return model
    return None


def _from_columns(cells: Cells, layers: int) -> Transformer:
    """Gated models as LLaMA, the others as GPT-2: learned positions, layer norms, tied embeddings."""
    gated, heads, hidden = bool(flag(cells, "gated_mlp")), needed(cells, "heads"), needed(cells, "hidden")
    seq_len = needed(cells, "seq_len")
    untied = gated or any(word in text(cells, "notes") for word in _UNTIED)
    return Transformer(
        name=_name(text(cells, "model_name")),
        layers=layers,
        hidden=hidden,
        heads=heads,
        kv_heads=whole(cells, "kv_heads") or heads,
        head_dim=max(1, hidden // heads),
        ffn_hidden=needed(cells, "ffn_hidden"),
        gated_mlp=gated,
        vocab=whole(cells, "vocab") or VOCABULARY_WHERE_NOT_STATED,
        moe=_experts(cells),
        tied_embeddings=not untied,
        position="rope" if gated else "learned",
        norm="rms" if gated else "layer",
        max_seq_len=seq_len,
    )


def _experts(cells: Cells) -> MixtureOfExperts | None:
    experts = whole(cells, "moe_experts", 0)
    if not experts:
        return None
    top_k, width = needed(cells, "moe_top_k"), needed(cells, "moe_ffn")
    return MixtureOfExperts(n_routed_experts=experts, top_k=top_k, moe_ffn_hidden=width)


def _name(cell: str) -> str:
    """As the registry writes names."""
    return "-".join(re.findall(r"[a-z0-9]+", cell.lower())) or "model"
