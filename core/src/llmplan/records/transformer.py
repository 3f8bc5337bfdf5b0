"""The decoder-only transformer, the shape of most language models, lowered to operators."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen
from attrs.validators import optional

from llmplan.errors import BadInputError
from llmplan.quantities import Number
from llmplan.records.checks import lookup_name, one_of, positive, whole
from llmplan.records.model import (
    ALWAYS_KEPT,
    NEVER_KEPT,
    Block,
    LoweredModel,
    Operator,
    Recompute,
    Split,
    Tensor,
)


def _divides_heads(transformer: Transformer, _field: object, kv_heads: int) -> None:
    if kv_heads > transformer.heads or transformer.heads % kv_heads:
        raise BadInputError(f"{transformer.name}: kv_heads: {kv_heads} does not divide heads = {transformer.heads}")


def _learned_needs_rows(transformer: Transformer, _field: object, max_seq_len: int | None) -> None:
    if transformer.position == "learned" and max_seq_len is None:
        raise BadInputError(
            f"{transformer.name}: max_seq_len: missing, and position = learned has a row for each token"
        )


@frozen(kw_only=True, eq=False)
class Transformer:
    """A decoder-only transformer: L layers of attention and MLP between an embedding and an output head.

    In the formulas b is sequences, s tokens of each, h hidden, n heads, g KV heads, d head_dim, f ffn_hidden, V vocab.
    """

    name: str = field(validator=lookup_name)
    family: str = ""
    layers: int = field(validator=whole)
    hidden: int = field(validator=whole)
    heads: int = field(validator=whole)
    kv_heads: int = field(validator=[whole, _divides_heads])
    head_dim: int = field(validator=whole)
    ffn_hidden: int = field(validator=whole)
    gated_mlp: bool
    """Three matrices (gate, up, down) as in SwiGLU, else two."""
    vocab: int = field(validator=whole)
    tied_embeddings: bool = False
    """The output head is the input embedding's table."""
    norm: str = field(default="rms", validator=one_of("rms", "layer"))
    """``rms`` has a scale, ``layer`` a scale and a bias."""
    position: str = field(default="rope", validator=one_of("rope", "alibi", "learned", "none"))
    """``learned`` adds a table of max_seq_len rows."""
    max_seq_len: int | None = field(default=None, validator=[optional(whole), _learned_needs_rows])
    training_seq_len: int | None = field(default=None, validator=optional(whole))
    training_tokens: float | None = field(default=None, validator=optional(positive))
    sources: Mapping[str, str] = field(factory=dict)
    note: str = ""

    @property
    def attention_width(self) -> int:
        """N d: the width of the queries, not always h."""
        return self.heads * self.head_dim

    @property
    def kv_width(self) -> int:
        """G d: the width of the keys, and of the values."""
        return self.kv_heads * self.head_dim

    @property
    def _norm_parameters(self) -> int:
        return self.hidden if self.norm == "rms" else 2 * self.hidden

    @property
    def _position_parameters(self) -> int:
        return (self.max_seq_len or 0) * self.hidden if self.position == "learned" else 0

    @property
    def _layer_parameters(self) -> dict[str, int]:
        matrices = 3 if self.gated_mlp else 2
        return {
            "attention": 2 * self.hidden * self.attention_width + 2 * self.hidden * self.kv_width,
            "mlp": matrices * self.hidden * self.ffn_hidden,
            "layernorm": 2 * self._norm_parameters,
        }

    def parameters_by_part(self) -> Mapping[str, int]:
        """Vh + L (2hnd + 2hgd + 3hf (2hf without gate) + 2h) + h + Vh (0 where tied)."""
        table = self.vocab * self.hidden
        return {
            "input_embedding": table + self._position_parameters,
            **{part: self.layers * count for part, count in self._layer_parameters.items()},
            "final_norm": self._norm_parameters,
            "output_embedding": 0 if self.tied_embeddings else table,
        }

    def kv_cache(self, batch: Number, tokens: Number) -> Tensor:
        """K and V of every token in every layer: 2 L b s g d elements."""
        return Tensor(2.0 * self.layers * batch * tokens * self.kv_width, max_ways=self.kv_heads)

    def lower(self, batch: Number, seq_len: Number) -> LoweredModel:
        """The operators of one forward pass; attention is counted over the full s x s square."""
        tokens = 1.0 * batch * seq_len
        layer = (
            self._norm("norm before attention", tokens, ALWAYS_KEPT),
            *self._attention(tokens, seq_len),
            self._norm("norm before mlp", tokens, Recompute.NORM_ATTENTION_NORM),
            *self._mlp(tokens),
        )
        return LoweredModel(
            embedding=self._embedding(tokens),
            layers=(Block(layer, sum(self._layer_parameters.values()), self.layers),),
            head=self._head(tokens),
        )

    def _norm(self, name: str, tokens: Number, dropped_from: int) -> Operator:
        read = Tensor(tokens * self.hidden, Split.SEQUENCE, "norm", dropped_from)
        return Operator(name, "layernorm", inputs=(read,), recomputed_from=Recompute.NORM_ATTENTION_NORM)

    def _attention(self, tokens: Number, seq_len: Number) -> tuple[Operator, ...]:
        """Projections 2bsh(2nd + 2gd), attention 4bs^2nd: 8bsh^2 + 4bs^2h where n = g and nd = h."""
        n, g = self.heads, self.kv_heads
        core_flops = 2.0 * tokens * seq_len * self.attention_width
        scores = tokens * seq_len * n
        block_input = Tensor(tokens * self.hidden, Split.SEQUENCE, dropped_from=Recompute.NORM_ATTENTION_NORM)
        per_head = Tensor(tokens * self.attention_width, dropped_from=Recompute.ATTENTION, max_ways=n)
        per_kv_head = Tensor(tokens * self.kv_width, dropped_from=Recompute.ATTENTION, max_ways=g)
        raw = Tensor(scores, dropped_from=NEVER_KEPT, fusible=True, max_ways=n)
        softmaxed = Tensor(scores, dropped_from=Recompute.ATTENTION_COMPUTE, fusible=True, max_ways=n)
        return (
            self._projection("query projection", tokens, self.attention_width, n, (block_input,)),
            # no input of its own: the fused projection reads it once
            self._projection("key and value projection", tokens, 2 * self.kv_width, g),
            _attention_compute("QK^T", core_flops, n, (per_head, per_kv_head)),
            _attention_compute("softmax", 0.0, n, (raw,)),
            _attention_compute("attention over V", core_flops, n, (softmaxed, per_kv_head)),
            self._projection(
                "output projection", tokens, self.attention_width, n, (per_head,), reduced=tokens * self.hidden
            ),
        )

    def _projection(
        self,
        name: str,
        tokens: Number,
        width: int,
        ways: int,
        inputs: tuple[Tensor, ...] = (),
        reduced: Number | None = None,
    ) -> Operator:
        """Between h and the heads' width: 2bsh width FLOPs."""
        weights = float(self.hidden * width)
        parts = "heads" if ways == self.heads else "KV heads"
        return Operator(
            name, "attention", 2.0 * tokens * weights, weights, inputs, reduced, Recompute.ATTENTION, ways, parts
        )

    def _mlp(self, tokens: Number) -> tuple[Operator, ...]:
        """6bshf with a gate, 4bshf without: 16bsh^2 where f = 4h."""
        h, f = self.hidden, self.ffn_hidden
        block_input = Tensor(tokens * h, Split.SEQUENCE)
        inner = Tensor(tokens * f)
        ups = 2 if self.gated_mlp else 1
        up_weights = float(ups * h * f)
        return (
            Operator("up projection", "mlp", 2.0 * tokens * up_weights, up_weights, (block_input,)),
            Operator("activation function", "mlp", inputs=(inner,) * ups),
            Operator("down projection", "mlp", 2.0 * tokens * h * f, float(h * f), (inner,), tokens * h),
        )

    def _embedding(self, tokens: Number) -> Block:
        table = self.vocab * self.hidden
        lookup = Operator(
            "token embedding", "input_embedding", 0.0, float(table), reduced_elements=tokens * self.hidden
        )
        return Block((lookup,), table + self._position_parameters)

    def _head(self, tokens: Number) -> Block:
        """Logits 2bsVh, and the loss over them in FP32."""
        table = self.vocab * self.hidden
        states = Tensor(tokens * self.hidden, Split.SEQUENCE, dropped_from=ALWAYS_KEPT)
        logits = Tensor(tokens * self.vocab, width="loss", dropped_from=ALWAYS_KEPT)
        part = "output_embedding_loss"
        operators = (
            Operator("final norm", part, inputs=(Tensor(states.elements, Split.SEQUENCE, "norm", ALWAYS_KEPT),)),
            Operator("output embedding", part, 2.0 * tokens * table, float(table), (states,)),
            Operator("loss", part, inputs=(logits,)),
        )
        own, shared = (0, table) if self.tied_embeddings else (table, 0)
        return Block(operators, self._norm_parameters + own, shared_parameters=shared)


def _attention_compute(name: str, flops: Number, ways: int, inputs: tuple[Tensor, ...]) -> Operator:
    return Operator(name, "attention", flops, 0.0, inputs, None, Recompute.ATTENTION_COMPUTE, ways, "heads")
