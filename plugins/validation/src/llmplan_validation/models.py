"""The model of a row: a registered one where its columns fit, since that knows more, else one made of the columns."""

from __future__ import annotations

import re
from typing import TypeAlias

from attrs import evolve

from llmplan.catalogues import registry
from llmplan_layers import MixtureOfExperts, Transformer
from llmplan_validation.cells import Cells, flag, needed, text, whole

_Shape: TypeAlias = tuple[int | None, ...]
VOCABULARY_WHERE_NOT_STATED = 50_257
"""GPT-2's, which most tables that leave it out have used."""
_MOST_LAYERS = 10_000
_SAME_VOCABULARY = 0.02
"""Padding changes a vocabulary by less."""
_DENSE = re.compile(r"first (?:(\d+) )?layers? dense")
_UNTIED = ("untied", "distinct input/output embeddings")


def model_of(cells: Cells, named: Transformer | None = None) -> Transformer:
    """With the layers of the row, since tables measure shortened models, and room for its sequences; `named` if any."""
    layers = needed(cells, "layers", _MOST_LAYERS)
    registered = named or _registered(cells, layers)
    if registered is None:
        return _with_dense_layers(_from_columns(cells, layers), cells)
    longest = registered.max_seq_len and max(registered.max_seq_len, needed(cells, "seq_len"))
    return _with_dense_layers(evolve(registered, layers=layers, max_seq_len=longest), cells)


def _with_dense_layers(model: Transformer, cells: Cells) -> Transformer:
    """So many layers at the start without experts as the column ``dense_layers`` or the notes say: a shortened mixture
    may have fewer than the whole one.
    """
    dense = whole(cells, "dense_layers", 0)
    if dense is None and (noted := _DENSE.search(text(cells, "notes").lower())):
        dense = int(noted[1] or 1)
    if dense is None or model.moe is None:
        return model
    return evolve(model, moe=evolve(model.moe, first_dense_layers=dense))


def named_model(cells: Cells) -> Transformer | None:
    """Of the name, where shape and vocabulary are those of the row, too: tables leave out much of what is known."""
    layers = whole(cells, "layers")
    name = lookup_name_of(text(cells, "model_name"), ".")
    model = registry().models.get(name)
    if not isinstance(model, Transformer):
        return None
    stated = whole(cells, "hidden"), whole(cells, "heads"), layers, bool(flag(cells, "gated_mlp"))
    alike = (model.hidden, model.heads, model.layers, model.gated_mlp) == stated
    return model if alike and _same_vocabulary(model, cells) else None


def _same_vocabulary(model: Transformer, cells: Cells) -> bool:
    vocab = whole(cells, "vocab") or VOCABULARY_WHERE_NOT_STATED
    return abs(model.vocab - vocab) <= _SAME_VOCABULARY * vocab


def _registered(cells: Cells, layers: int) -> Transformer | None:
    """Of the same shape and vocabulary; a dense one has a gate, and no fewer layers: many unlike GPTs share a width."""
    shape, vocab = _stated_shape(cells), whole(cells, "vocab") or VOCABULARY_WHERE_NOT_STATED
    alike = [
        model
        for _, _, model in registry().models.entries()
        if isinstance(model, Transformer)
        and _shape(model) == shape
        and _same_vocabulary(model, cells)
        and (model.moe is not None or (model.gated_mlp and model.layers >= layers))
    ]
    return min(alike, key=lambda model: (model.layers != layers, abs(model.vocab - vocab)), default=None)


def _stated_shape(cells: Cells) -> _Shape:
    heads = whole(cells, "heads")
    ends = (whole(cells, "hidden"), heads)
    if whole(cells, "moe_experts", 0):
        return (*ends, *(whole(cells, column) for column in ("moe_experts", "moe_top_k", "moe_ffn")))
    return (*ends, whole(cells, "kv_heads") or heads, whole(cells, "ffn_hidden"), bool(flag(cells, "gated_mlp")), None)


def _shape(model: Transformer) -> _Shape:
    """Width and heads, and experts or MLP; the None keeps the two apart."""
    ends = (model.hidden, model.heads)
    if model.moe is not None:
        return (*ends, model.moe.n_routed_experts, model.moe.top_k, model.moe.moe_ffn_hidden)
    return (*ends, model.kv_heads, model.ffn_hidden, model.gated_mlp, None)


def _from_columns(cells: Cells, layers: int) -> Transformer:
    """Gated models as LLaMA, the others as GPT-2: learned positions, layer norms, tied embeddings."""
    gated, heads, hidden = bool(flag(cells, "gated_mlp")), needed(cells, "heads"), needed(cells, "hidden")
    seq_len = needed(cells, "seq_len")
    untied = gated or any(word in text(cells, "notes") for word in _UNTIED)
    return Transformer(
        name=lookup_name_of(text(cells, "model_name")),
        layers=layers,
        hidden=hidden,
        heads=heads,
        kv_heads=whole(cells, "kv_heads") or heads,
        head_dim=whole(cells, "head_dim") or max(1, hidden // heads),
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


def lookup_name_of(cell: str, also: str = "") -> str:
    """As the registry writes names; `also` are characters that stand in them too."""
    return "-".join(re.findall(rf"[a-z0-9{also}]+", cell.lower())) or "unnamed"
