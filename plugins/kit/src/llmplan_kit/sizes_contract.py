"""The sizes of models that a plugin offers by name: vocabulary, context, training, and what the name says."""

from __future__ import annotations

import re

from llmplan.catalogues import MODELS
from llmplan.records import ModelArchitecture, Phase
from llmplan_kit.contracts import check_words_of_others, require
from llmplan_kit.model_contract import check_model

_SIZE = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)b(?![\w.])")
_ACTIVE = re.compile(r"(?<![\w.])a(\d+(?:\.\d+)?)b(?![\w.])")
_OFF = 2.0
_VOCABULARY = (256, 2_000_000)
"""From single bytes to the largest tokenizers of a hundred languages."""
_CONTEXT = (256, 150_000_000)
_WINDOW = (16, 150_000_000)
_HEADS = (0.5, 6.0)
"""Heads and their width together, over the width of the hidden states."""
_TOKENS = (10**6, 10**15)


def check_named_model(model: ModelArchitecture) -> None:
    """One that a plugin offers: a name like ``acme-30b-a3b`` says how many parameters there are, and meet a token."""
    check_model(model)
    name = model.name
    held, meets = sum(model.parameters_by_part().values()), model.lower(1, 1, 1, Phase.DECODE).flops / 2.0
    said, active = ([float(number) * 1e9 for number in one.findall(name)] for one in (_SIZE, _ACTIVE))
    if len(said) == 1:
        near = any(1.0 / _OFF < float(number) / said[0] < _OFF for number in (held, meets))
        require(near, f"{name}: {held / 1e9:.3g} billion parameters: is it another model's sizes?")
    if len(active) == 1:
        near = 1.0 / _OFF < float(meets) / active[0] < _OFF
        require(near, f"{name}: a token meets {meets / 1e9:.3g} billion parameters: do all experts work?")
    _check_tokens(name, model)
    heads, width, hidden = (getattr(model, field, None) for field in ("heads", "head_dim", "hidden"))
    if heads and width and hidden:
        low, high = _HEADS
        right = low <= heads * width / hidden <= high
        require(right, f"{name}: hidden: {hidden}, with {heads} heads of {width}: are two sizes swapped?")
    check_words_of_others(MODELS, name, getattr(model, "aliases", ()))


def _check_tokens(name: str, model: ModelArchitecture) -> None:
    limits = {"vocab": _VOCABULARY, "max_seq_len": _CONTEXT, "sliding_window": _WINDOW, "training_tokens": _TOKENS}
    for field, (low, high) in limits.items():
        value = getattr(model, field, None)
        right = value is None or low <= value <= high
        require(right, f"{name}: {field}: {value} is not in {low:,} to {high:,}: is it in tokens?")
    trained, most = model.training_seq_len, model.max_seq_len
    shorter = trained is None or most is None or 1 <= trained <= most
    require(shorter, f"{name}: training_seq_len: {trained}, beyond max_seq_len, {most}")
