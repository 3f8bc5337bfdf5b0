"""Attention of one layer, with the queries in groups that share keys and values."""

from __future__ import annotations

from functools import cached_property
from typing import Protocol

from attrs import frozen

from llmplan.quantities import Number
from llmplan.records.model import NEVER_KEPT, Operator, Recompute, Split, Tensor


class AttentionLayer(Protocol):
    """One kind of attention: what it holds, what it caches, what it computes."""

    @property
    def parameters(self) -> int:
        """Matrices, biases and norms of its own."""

    @property
    def cache_width(self) -> int:
        """Elements that it keeps of each token."""

    @property
    def cache_ways(self) -> float:
        """Over how many ranks the cache can be divided before ranks hold copies."""

    def operators(self, tokens: Number, keys: Number, states: Tensor) -> tuple[Operator, ...]:
        """Of a forward pass in which each of `tokens` looks at `keys`; `states` are the layer's normed states."""


def projection(
    name: str,
    tokens: Number,
    weights: int,
    ways: float,
    inputs: tuple[Tensor, ...] = (),
    reduced: Number | None = None,
    parts: str = "heads",
) -> Operator:
    """A matrix times the tokens: two FLOPs a weight and token."""
    held = float(weights)
    return Operator(name, "attention", 2.0 * tokens * held, held, inputs, reduced, Recompute.ATTENTION, ways, parts)


def core(
    tokens: Number, keys: Number, heads: int, queries: tuple[int, Tensor, Tensor], values: tuple[int, Tensor]
) -> tuple[Operator, ...]:
    """QK^T, softmax and attention over V: 2 x tokens x keys x width FLOPs for each product.

    `queries` are the width of Q, Q and K; `values` the width of V over all heads, and V.
    """
    scores = tokens * keys * heads
    raw = Tensor(scores, dropped_from=NEVER_KEPT, fusible=True, max_ways=heads)
    softmaxed = Tensor(scores, dropped_from=Recompute.ATTENTION_COMPUTE, fusible=True, max_ways=heads)
    query_width, q, k = queries
    value_width, v = values
    return (
        _compute("QK^T", 2.0 * tokens * keys * query_width, heads, (q, k)),
        _compute("softmax", 0.0, heads, (raw,)),
        _compute("attention over V", 2.0 * tokens * keys * value_width, heads, (softmaxed, v)),
    )


def _compute(name: str, flops: Number, heads: int, inputs: tuple[Tensor, ...]) -> Operator:
    return Operator(name, "attention", flops, 0.0, inputs, None, Recompute.ATTENTION_COMPUTE, heads, "heads")


def norm_of(name: str, *inputs: tuple[Number, float]) -> Operator:
    """A norm inside attention; `inputs` are elements, and over how many ranks they can be divided."""
    read = tuple(
        [Tensor(elements, Split.TENSOR, "norm", Recompute.ATTENTION, False, ways) for elements, ways in inputs]
    )
    return Operator(name, "attention", inputs=read, recomputed_from=Recompute.ATTENTION)


@frozen(kw_only=True, eq=False, repr=False, slots=False)
class GroupedAttention:
    """n heads of queries, g of keys and values: multi-head where g = n, multi-query where g = 1.

    Ainslie et al. 2023, arXiv:2305.13245.
    """

    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    qkv_bias: bool = False
    o_bias: bool = False
    qk_norm: str = "none"
    sinks: bool = False

    @cached_property
    def width(self) -> int:
        """N d: the width of the queries, not always h."""
        return self.heads * self.head_dim

    @cached_property
    def kv_width(self) -> int:
        """G d: the width of the keys, and of the values."""
        return self.kv_heads * self.head_dim

    @property
    def parameters(self) -> int:
        """2hnd + 2hgd; biases nd + 2gd and h; query and key norms 2d, or nd + gd; a sink a head."""
        biases = self.qkv_bias * (self.width + 2 * self.kv_width) + self.o_bias * self.hidden
        norms = {"none": 0, "head": 2 * self.head_dim, "full": self.width + self.kv_width}[self.qk_norm]
        return 2 * self.hidden * (self.width + self.kv_width) + biases + norms + self.sinks * self.heads

    @property
    def cache_width(self) -> int:
        """K and V: 2gd."""
        return 2 * self.kv_width

    @property
    def cache_ways(self) -> float:
        """KV heads."""
        return self.kv_heads

    def operators(self, tokens: Number, keys: Number, states: Tensor) -> tuple[Operator, ...]:
        """Projections 2bsh(2nd + 2gd), attention 4bs^2nd: 8bsh^2 + 4bs^2h where n = g and nd = h."""
        n, g, width = self.heads, self.kv_heads, self.width
        per_head = Tensor(tokens * width, dropped_from=Recompute.ATTENTION, max_ways=n)
        per_kv_head = Tensor(tokens * self.kv_width, dropped_from=Recompute.ATTENTION, max_ways=g)
        matrix, kv_matrix = self.hidden * width, 2 * self.hidden * self.kv_width
        return (
            projection("query projection", tokens, matrix, n, (states,)),
            # no input of its own: the fused projection reads it once
            projection("key and value projection", tokens, kv_matrix, g, parts="heads" if g == n else "KV heads"),
            *self._qk_norms(tokens),
            *core(tokens, keys, n, (width, per_head, per_kv_head), (width, per_kv_head)),
            projection("output projection", tokens, matrix, n, (per_head,), tokens * self.hidden),
        )

    def _qk_norms(self, tokens: Number) -> tuple[Operator, ...]:
        if self.qk_norm == "none":
            return ()
        kept = ((tokens * self.width, self.heads), (tokens * self.kv_width, self.kv_heads))
        return (norm_of("query and key norms", *kept),)
