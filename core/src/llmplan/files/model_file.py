"""A model in TOML."""

from __future__ import annotations

from attrs import fields, frozen

from llmplan.errors import BadInputError
from llmplan.records import LatentAttention, MixtureOfExperts, Transformer


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
    norm_bias: bool | None = None
    norms_per_layer: int = 2
    qk_norm: str = "none"
    embedding_norm: bool = False
    final_norm: bool = True
    qkv_bias: bool = False
    o_bias: bool = False
    mlp_bias: bool = False
    lm_head_bias: bool = False
    attention_sinks: bool = False
    parallel_attn_mlp: bool = False
    position: str = "rope"
    learned_pos_rows: int | None = None
    sliding_window: int | None = None
    full_attention_step: int | None = None
    moe: MixtureOfExperts | None = None
    mla: LatentAttention | None = None
    training_seq_len: int | None = None
    training_tokens: float | None = None
    source: str = ""
    note: str = ""

    def record(self) -> Transformer:
        """kv_heads are heads, and head_dim is that of mla, or else hidden / heads, where left out."""
        given = {field.name: getattr(self, field.name) for field in fields(ModelFile) if field.name != "source"}
        shape = {
            "kv_heads": self.heads if self.kv_heads is None else self.kv_heads,
            "head_dim": self._head_dim() if self.head_dim is None else self.head_dim,
            "sources": {"model": self.source} if self.source else {},
        }
        return Transformer(**{key: value for key, value in (given | shape).items() if value is not None})

    def _head_dim(self) -> int:
        if self.mla is not None:
            return self.mla.qk_head_dim
        if self.heads > 0 and self.hidden % self.heads:
            raise BadInputError(f"head_dim: not given, and hidden {self.hidden} is no multiple of heads {self.heads}")
        return self.hidden // max(self.heads, 1)
