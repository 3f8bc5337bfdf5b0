"""A transformer in TOML: the fields of the record, without what follows from the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmplan.catalogues.forms import Form
from llmplan_layers.transformer import Transformer


def form() -> Form:
    """How a transformer is written in TOML."""
    why = {"head_dim": "not given, and hidden is no multiple of heads"}
    return Form(Transformer, completed=_completed, why_missing=why)


def _completed(values: dict[str, Any]) -> dict[str, Any]:
    """kv_heads are heads, and head_dim is that of mla, or else hidden / heads, where left out."""
    heads, hidden, mla = values.get("heads"), values.get("hidden"), values.get("mla")
    if not isinstance(heads, int) or not isinstance(hidden, int) or heads < 1:
        heads = hidden = 1  # never used: heads are refused
    follows: dict[str, Any] = {"kv_heads": heads}
    if isinstance(mla, Mapping):
        parts = [mla.get(part) for part in ("qk_nope_head_dim", "qk_rope_head_dim")]
        follows["head_dim"] = sum(part for part in parts if type(part) is int)
    elif hidden % heads == 0:
        follows["head_dim"] = hidden // heads
    sources = values.get("sources", {})
    behind = {key: sources["heads"] for key in follows if "heads" in sources and key not in sources}
    return {**follows, **values, **({"sources": {**sources, **behind}} if behind else {})}
