"""Multi-head latent attention: keys and values of all heads from one small latent vector a token.

DeepSeek-AI 2024, arXiv:2405.04434, section 2.1.
"""

from __future__ import annotations

from attrs import field, frozen
from attrs.validators import optional

from llmplan.arrays.quantities import Number
from llmplan.records.checks import whole
from llmplan.records.model import Cache, Operator, Recompute, Tensor
from llmplan_layers.attention import Seen, core, norm_of, output_projection, projection
from llmplan_layers.sparse_index import SparseIndex

_COPIED = 1
"""Every tensor parallel rank holds the latents, and the matrices that lead down to them."""


@frozen(kw_only=True, repr=False)
class LatentAttention:
    """The widths of the latents, and of the heads that are made of them."""

    q_lora_rank: int | None = field(default=None, validator=optional(whole))
    """Width of the queries' latent; None where queries come straight from the states."""
    kv_lora_rank: int = field(validator=whole)
    qk_nope_head_dim: int = field(validator=whole)
    qk_rope_head_dim: int = field(validator=whole)
    """Width of the part that carries the position; its key is shared by all heads."""
    v_head_dim: int = field(validator=whole)

    @property
    def qk_head_dim(self) -> int:
        """Of a query and a key: the part without position and the part with it."""
        return self.qk_nope_head_dim + self.qk_rope_head_dim

    @property
    def cache_width(self) -> int:
        """The latent and the shared key with position (table 1 of the paper)."""
        return self.kv_lora_rank + self.qk_rope_head_dim


@frozen(kw_only=True, eq=False, repr=False, slots=False)
class LatentAttentionLayer:
    """Latent attention of n heads on states of width h.

    Counted as in training and prefill, with keys and values made from the latents of the tokens at hand.
    """

    hidden: int
    heads: int
    mla: LatentAttention
    o_bias: bool = False
    index: SparseIndex | None = None
    """What chooses the keys that it attends to."""
    output_gate: bool = False
    """A matrix of the states makes a gate of the output (Kimi K3)."""
    part: str = "attention"

    @property
    def parameters(self) -> int:
        """h(q + c + r) + q n(d + r) + c n(d + v) + n v h + q + c; without a query latent hn(d + r) makes the queries.

        q and c are the ranks of the latents of queries and of keys and values, each with a norm of its own; d and r
        the widths without and with position.
        """
        mla, rank = self.mla, self.mla.q_lora_rank
        norms = (rank or 0) + mla.kv_lora_rank
        index = 0 if self.index is None else self.index.parameters(self.hidden, rank or self.hidden)
        down, up = self._query_down + self._kv_down, self._query_up + self._kv_up
        gate = self._output if self.output_gate else 0
        return down + up + self._output + gate + norms + self._bias + index

    @property
    def _bias(self) -> int:
        return self.o_bias * self.hidden

    @property
    def _query_down(self) -> int:
        return self.hidden * (self.mla.q_lora_rank or 0)

    @property
    def _query_up(self) -> int:
        return (self.mla.q_lora_rank or self.hidden) * self.heads * self.mla.qk_head_dim

    @property
    def _kv_down(self) -> int:
        return self.hidden * self.mla.cache_width

    @property
    def _kv_up(self) -> int:
        return self.mla.kv_lora_rank * self.heads * (self.mla.qk_nope_head_dim + self.mla.v_head_dim)

    @property
    def _output(self) -> int:
        return self.heads * self.mla.v_head_dim * self.hidden

    @property
    def cache_width(self) -> int:
        """One latent and one key with position for all heads, and the key of an index."""
        return self.mla.cache_width + (0 if self.index is None else self.index.cache_width)

    @property
    def cache_ways(self) -> float:
        """Every rank needs all of it."""
        return _COPIED

    def operators(self, tokens: Number, seen: Seen, states: Tensor) -> tuple[Operator, ...]:
        """Projections down and up, 2 FLOPs a weight and token; attention 2bs^2n(d + r) + 2bs^2nv."""
        mla, n, index = self.mla, self.heads, self.index
        looked = seen if index is None else index.chosen(seen)
        rank = mla.q_lora_rank or self.hidden
        indexing = () if index is None else index.operators(tokens, seen, self.hidden, rank)
        query_width, value_width = n * mla.qk_head_dim, n * mla.v_head_dim
        per_query, per_value = _of_heads(tokens * query_width, n), _of_heads(tokens * value_width, n)
        latent = Tensor(tokens * mla.kv_lora_rank, dropped_from=Recompute.ATTENTION, max_ways=_COPIED)
        down_shape = (self.hidden, mla.cache_width)
        up_shape = (mla.kv_lora_rank, n * (mla.qk_nope_head_dim + mla.v_head_dim))
        first, *others = self._queries(tokens, states)
        return (
            *indexing,  # ahead of multiplications, so that its scores are a kernel of their own
            first,
            # no input of its own: it reads the states together with the queries' projection
            projection("key and value down projection", tokens, down_shape, _COPIED, parts="latents", joins=True),
            *self._gate(tokens),
            *others,
            norm_of("key and value latent norm", (tokens * mla.kv_lora_rank, _COPIED)),
            projection("key and value up projection", tokens, up_shape, n, (latent,)),
            *core(
                tokens, looked, n, (query_width, per_query, per_query), (value_width, per_value), self._cache(looked)
            ),
            output_projection(tokens, (value_width, self.hidden), n, per_value),
        )

    def _gate(self, tokens: Number) -> tuple[Operator, ...]:
        """Of the states that the queries read; gate and output are read, their product is written."""
        if not self.output_gate:
            return ()
        width = self.heads * self.mla.v_head_dim
        gate = projection("output gate projection", tokens, (self.hidden, width), self.heads, joins=True)
        gate.moved = 3.0 * tokens * width
        return (gate,)

    def _cache(self, seen: Seen) -> Cache:
        """Latents are attended to as they are, the up projection absorbed into queries and outputs: 2n(c + r) + 2nc."""
        mla = self.mla
        pair_flops = 2.0 * self.heads * (mla.cache_width + mla.kv_lora_rank)
        return Cache(mla.cache_width, self.cache_ways, pair_flops, seen.window)

    def _queries(self, tokens: Number, states: Tensor) -> tuple[Operator, ...]:
        rank, width = self.mla.q_lora_rank, self.heads * self.mla.qk_head_dim
        if rank is None:
            return (projection("query projection", tokens, (self.hidden, width), self.heads, (states,)),)
        latent = Tensor(tokens * rank, dropped_from=Recompute.ATTENTION, max_ways=_COPIED)
        return (
            projection("query down projection", tokens, (self.hidden, rank), _COPIED, (states,), parts="latents"),
            norm_of("query latent norm", (tokens * rank, _COPIED)),
            projection("query up projection", tokens, (rank, width), self.heads, (latent,)),
        )


def _of_heads(elements: Number, heads: int) -> Tensor:
    return Tensor(elements, dropped_from=Recompute.ATTENTION, max_ways=heads)
