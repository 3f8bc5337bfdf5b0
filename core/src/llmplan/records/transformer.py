"""The decoder-only transformer, the shape of most language models, lowered to operators."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import NamedTuple

from attrs import field, frozen
from attrs.validators import optional

from llmplan.arrays.quantities import Number, minimum, total
from llmplan.records import transformer_checks as check
from llmplan.records.attention import AttentionLayer, GroupedAttention, Seen, seen
from llmplan.records.checks import lookup_name, one_of, positive, whole
from llmplan.records.latent_attention import LatentAttention, LatentAttentionLayer
from llmplan.records.mixture_of_experts import MixtureOfExperts, SparseMlp
from llmplan.records.mlp import DenseMlp, MlpLayer
from llmplan.records.model import (
    ALWAYS_KEPT,
    NEVER_KEPT,
    Block,
    Gemm,
    LoweredModel,
    Operator,
    Recompute,
    Split,
    Tensor,
)
from llmplan.records.stored_weights import StoredWeights


class LayerKind(NamedTuple):
    """So many layers that are alike."""

    mlp: MlpLayer
    window: int | None
    parameters: int
    layers: int


@frozen(kw_only=True, eq=False, slots=False)
class Transformer:
    """A decoder-only transformer: L layers of attention and MLP between an embedding and an output head.

    In the formulas b is sequences, s tokens of each, h hidden, n heads, g KV heads, d head_dim, f ffn_hidden, V vocab.
    """

    name: str = field(validator=lookup_name)
    family: str = ""
    layers: int = field(validator=whole)
    hidden: int = field(validator=whole)
    heads: int = field(validator=whole)
    kv_heads: int = field(validator=[whole, check.divides_heads])
    head_dim: int = field(validator=whole)
    ffn_hidden: int = field(validator=whole)
    gated_mlp: bool
    """Three matrices (gate, up, down) as in SwiGLU, else two."""
    vocab: int = field(validator=whole)
    tied_embeddings: bool = False
    """The output head is the input embedding's table."""
    norm: str = field(default="rms", validator=one_of("rms", "layer"))
    """``rms`` has a scale, ``layer`` a scale and, unless norm_bias says otherwise, a bias."""
    norm_bias: bool | None = None
    """None: ``layer`` has one, ``rms`` has none."""
    norms_per_layer: int = field(default=2, validator=[one_of(1, 2, 4), check.one_norm_feeds_both])
    """Before attention and MLP; 1 before both at once, 4 before and after each."""
    qk_norm: str = field(default="none", validator=one_of("none", "head", "full"))
    """Of queries and keys: ``head`` with a scale of head_dim, ``full`` with one of all heads."""
    embedding_norm: bool = False
    """Between the embedding and the first layer."""
    final_norm: bool = True
    """Between the last layer and the output head."""
    qkv_bias: bool = False
    o_bias: bool = False
    mlp_bias: bool = False
    """In every expert too, where there are experts."""
    lm_head_bias: bool = False
    attention_sinks: bool = False
    """A learned logit a head that takes attention away from all tokens."""
    parallel_attn_mlp: bool = False
    """Attention and MLP read the same states and are added, not one after the other."""
    position: str = field(default="rope", validator=one_of("rope", "alibi", "learned", "none"))
    """``learned`` adds a table of learned_pos_rows, or else of max_seq_len rows."""
    max_seq_len: int | None = field(default=None, validator=[optional(whole), check.learned_needs_rows])
    learned_pos_rows: int | None = field(default=None, validator=[optional(whole), check.only_learned_has_rows])
    sliding_window: int | None = field(default=None, validator=optional(whole))
    """Tokens that attention looks back on."""
    full_attention_step: int | None = field(default=None, validator=[optional(whole), check.needs_window])
    """Every so many-th layer attends to all tokens in spite of the window; None where no layer does."""
    moe: MixtureOfExperts | None = field(default=None, validator=check.some_layer_has_experts)
    mla: LatentAttention | None = field(default=None, validator=check.latents_fit)
    training_seq_len: int | None = field(default=None, validator=optional(whole))
    training_tokens: float | None = field(default=None, validator=optional(positive))
    aliases: tuple[str, ...] = ()
    """Other names that people know it by: its repository on a hub."""
    sources: Mapping[str, str] = field(factory=dict)
    note: str = ""
    stored: StoredWeights | None = None
    """How its checkpoint lies in files, where it was read from one."""
    assumed: tuple[str, ...] = ()
    """What its reader took for granted, in words."""

    @cached_property
    def _attention(self) -> AttentionLayer:
        if self.mla is not None:
            return LatentAttentionLayer(hidden=self.hidden, heads=self.heads, mla=self.mla, o_bias=self.o_bias)
        return GroupedAttention(
            hidden=self.hidden,
            heads=self.heads,
            kv_heads=self.kv_heads,
            head_dim=self.head_dim,
            qkv_bias=self.qkv_bias,
            o_bias=self.o_bias,
            qk_norm=self.qk_norm,
            sinks=self.attention_sinks,
            rotary=self.position == "rope",
        )

    @cached_property
    def _kinds(self) -> tuple[LayerKind, ...]:
        """The layers by MLP and window, in the order in which each kind first appears."""
        dense = DenseMlp(hidden=self.hidden, ffn_hidden=self.ffn_hidden, gated=self.gated_mlp, bias=self.mlp_bias)
        sparse = dense if self.moe is None else SparseMlp(moe=self.moe, dense=dense)
        counts: dict[tuple[MlpLayer, int | None], int] = {}
        for layer in range(self.layers):
            kind = (sparse if self.moe is not None and self.moe.has_experts(layer) else dense, self._window(layer))
            counts[kind] = counts.get(kind, 0) + 1
        rest = self._attention.parameters + self.norms_per_layer * self._norm_parameters
        return tuple(LayerKind(mlp, window, rest + mlp.parameters, n) for (mlp, window), n in counts.items())

    def _window(self, layer: int) -> int | None:
        """The last of every `full_attention_step` layers has none."""
        step = self.full_attention_step
        return None if step is not None and (layer + 1) % step == 0 else self.sliding_window

    @property
    def _norm_parameters(self) -> int:
        bias = self.norm == "layer" if self.norm_bias is None else self.norm_bias
        return self.hidden * (1 + bias)

    @cached_property
    def _embedding_parameters(self) -> int:
        rows = self.learned_pos_rows or self.max_seq_len or 0
        positions = rows * self.hidden if self.position == "learned" else 0
        return self.vocab * self.hidden + positions + self.embedding_norm * self._norm_parameters

    @property
    def _head_parameters(self) -> int:
        """Of the head alone: 0 where the table is that of the embedding."""
        table = 0 if self.tied_embeddings else self.vocab * self.hidden
        return table + self.lm_head_bias * self.vocab

    def parameters_by_part(self) -> Mapping[str, int]:
        """Vh + L (2hnd + 2hgd + 3hf (2hf without gate) + 2h) + h + Vh (0 where tied), and biases, experts, latents.

        `GroupedAttention`, `LatentAttentionLayer`, `DenseMlp` and `SparseMlp` say what each adds.
        """
        return self._parameters(sum(kind.layers * kind.mlp.parameters for kind in self._kinds))

    def active_parameters(self) -> int:
        """Those that one token passes through: of the routed experts only those that it goes to."""
        return sum(self._parameters(sum(kind.layers * kind.mlp.active_parameters for kind in self._kinds)).values())

    def _parameters(self, mlp: int) -> dict[str, int]:
        return {
            "input_embedding": self._embedding_parameters,
            "attention": self.layers * self._attention.parameters,
            "mlp": mlp,
            "layernorm": self.layers * self.norms_per_layer * self._norm_parameters,
            "final_norm": self.final_norm * self._norm_parameters,
            "output_embedding": self._head_parameters,
        }

    def kv_cache(self, batch: Number, tokens: Number) -> Tensor:
        """Of every token in every layer K and V, 2gd elements, or a latent; of windowed layers the window's tokens."""
        kept = total(kind.layers * _within(kind.window, tokens) for kind in self._kinds)
        return Tensor(1.0 * batch * kept * self._attention.cache_width, max_ways=self._attention.cache_ways)

    def lower(self, batch: Number, seq_len: Number, context: Number | None = None) -> LoweredModel:
        """The operators of one forward pass; attention is counted over the full s x s square, or s x window."""
        tokens = 1.0 * batch * seq_len
        context = seq_len if context is None else context
        layers = [
            Block(
                self._layer(kind.mlp, tokens, seen(seq_len, context, kind.window)),
                kind.parameters,
                kind.layers,
                expert_parameters=kind.mlp.routed_parameters,
                leading=self.moe is not None and kind.mlp.routed_parameters == 0 and self.moe.moe_layer_step == 1,
            )
            for kind in self._kinds
        ]
        return LoweredModel(embedding=self._embedding(tokens), layers=tuple(layers), head=self._head(tokens))

    def _layer(self, mlp: MlpLayer, tokens: Number, look: Seen) -> tuple[Operator, ...]:
        """Norms, attention and MLP; states that two of them read are kept once."""
        width = tokens * self.hidden
        one_norm = self.norms_per_layer == 1
        states = Tensor(width, Split.SEQUENCE, "activation", NEVER_KEPT if one_norm else Recompute.NORM_ATTENTION_NORM)
        attention = self._attention.operators(tokens, look, states)
        mlp_operators = mlp.operators(tokens, Tensor(width, Split.SEQUENCE))
        if one_norm:
            return (_norm("norm before attention and mlp", width, ALWAYS_KEPT), *attention, *mlp_operators)
        first = _norm("norm before attention", width, ALWAYS_KEPT)
        between = NEVER_KEPT if self.parallel_attn_mlp else Recompute.NORM_ATTENTION_NORM
        second = _norm("norm before mlp", width, between)
        if self.norms_per_layer == 2:  # noqa: PLR2004 - 1, 2 or 4
            return (first, *attention, second, *mlp_operators)
        after_attention = _norm("norm after attention", width, Recompute.NORM_ATTENTION_NORM)
        return (first, *attention, after_attention, second, *mlp_operators, _norm("norm after mlp", width))

    def _embedding(self, tokens: Number) -> Block:
        width, part = tokens * self.hidden, "input_embedding"
        lookup = Operator(
            "token embedding",
            part,
            0.0,
            float(self.vocab * self.hidden),
            reduced_elements=width,
            moved=2.0 * width,
            moved_split=Split.SEQUENCE,
        )
        norm = (_end_norm("embedding norm", part, width),) if self.embedding_norm else ()
        return Block((lookup, *norm), self._embedding_parameters)

    def _head(self, tokens: Number) -> Block:
        """Logits 2bsVh, and the loss over them in FP32."""
        table = self.vocab * self.hidden
        states = Tensor(tokens * self.hidden, Split.SEQUENCE, dropped_from=ALWAYS_KEPT)
        logits = Tensor(tokens * self.vocab, width="loss", dropped_from=ALWAYS_KEPT)
        part = "output_embedding_loss"
        operators = (
            *((_end_norm("final norm", part, states.elements),) if self.final_norm else ()),
            Operator(
                "output embedding",
                part,
                2.0 * tokens * table,
                float(table),
                (states,),
                gemm=Gemm(tokens, self.vocab, self.hidden),
            ),
            Operator("loss", part, inputs=(logits,), moved=2.0 * logits.elements),
        )
        own = self._head_parameters + self.final_norm * self._norm_parameters
        return Block(operators, own, shared_parameters=table if self.tied_embeddings else 0)


def _within(window: int | None, tokens: Number) -> Number:
    """Tokens that a layer looks back on."""
    return tokens if window is None else minimum(tokens, window)


def _norm(name: str, elements: Number, dropped_from: int = Recompute.FULL) -> Operator:
    read = Tensor(elements, Split.SEQUENCE, "norm", dropped_from)
    return Operator(
        name,
        "layernorm",
        inputs=(read,),
        recomputed_from=Recompute.NORM_ATTENTION_NORM,
        moved=2.0 * elements,
        moved_split=Split.SEQUENCE,
    )


def _end_norm(name: str, part: str, elements: Number) -> Operator:
    read = Tensor(elements, Split.SEQUENCE, "norm", ALWAYS_KEPT)
    return Operator(name, part, inputs=(read,), moved=2.0 * elements, moved_split=Split.SEQUENCE)
