"""A model in TOML."""

from __future__ import annotations

from attrs import fields, frozen

from llmplan.errors import BadInputError
from llmplan.records import Transformer


@frozen(kw_only=True)
class ModelFile:
    """A model in TOML: the shape of a decoder-only transformer."""

    name: str
    family: str = ""
    layers: int
    hidden: int
    heads: int
    kv_heads: int | None = None
    head_dim: int | None = None
    ffn_hidden: int
    gated_mlp: bool
    vocab: int
    max_seq_len: int | None = None
    tied_embeddings: bool = False
    norm: str = "rms"
    position: str = "rope"
    training_seq_len: int | None = None
    training_tokens: float | None = None
    source: str = ""
    note: str = ""

    def record(self) -> Transformer:
        """kv_heads are heads, and head_dim is hidden / heads, where left out."""
        if self.head_dim is None and self.heads > 0 and self.hidden % self.heads:
            raise BadInputError(f"head_dim: not given, and hidden {self.hidden} is no multiple of heads {self.heads}")
        left_out = ("source", "kv_heads", "head_dim")
        values = {field.name: getattr(self, field.name) for field in fields(ModelFile) if field.name not in left_out}
        return Transformer(
            **values,
            kv_heads=self.heads if self.kv_heads is None else self.kv_heads,
            head_dim=self.hidden // max(self.heads, 1) if self.head_dim is None else self.head_dim,
            sources={"model": self.source} if self.source else {},
        )
