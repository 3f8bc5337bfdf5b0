"""Tables of models, as the family modules write them, to records."""

from __future__ import annotations

from typing import Any

from attrs import fields

from llmplan.records import Transformer

_OF_PAPER = ("training_tokens", "training_seq_len")
_NOT_OF_THE_SHAPE = ("name", "family", "note", *_OF_PAPER)


def models(columns: str, *rows: tuple[Any, ...], **common: Any) -> tuple[Transformer, ...]:
    """A record a row; `common` is what all rows share. `shape` and `paper` say where it comes from."""
    names = columns.split()
    return tuple([_model(**common, **dict(zip(names, row, strict=True))) for row in rows])


def _model(*, paper: str, shape: str = "", hub_id: str = "", **given: Any) -> Transformer:
    """Left out: kv_heads are heads, head_dim is hidden / heads, ffn_hidden 4 x hidden."""
    hidden, heads = given["hidden"], given["heads"]
    left_out = {"kv_heads": heads, "head_dim": hidden // heads, "ffn_hidden": 4 * hidden}
    given = left_out | given
    config = shape or f"config.json of {hub_id}"
    sources = dict.fromkeys([*(name for name in given if name not in _NOT_OF_THE_SHAPE), *_in_tables(given)], config)
    sources |= {name: paper for name in _OF_PAPER if given.get(name)}
    return Transformer(**given, sources=sources)


def _in_tables(given: dict[str, Any]) -> list[str]:
    """Fields of the experts and of the latents, as ``moe.top_k``."""
    return [
        f"{table}.{field.name}" for table in ("moe", "mla") if table in given for field in fields(type(given[table]))
    ]
