"""Attention of one layer, with the queries in groups that share keys and values."""

from __future__ import annotations

from functools import cached_property
from math import inf
from typing import NamedTuple, Protocol

from attrs import frozen

from llmplan.arrays.quantities import Number, minimum, total
from llmplan.records.mlp import residual
from llmplan.records.model import NEVER_KEPT, Cache, Gemm, Operator, Recompute, Scores, Split, Tensor


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

    def operators(self, tokens: Number, seen: Seen, states: Tensor) -> tuple[Operator, ...]:
        """Of a forward pass over `tokens`; `states` are the layer's normed states."""


class Seen(NamedTuple):
    """What each token attends to."""

    keys: Number
    """Tokens, those that the mask hides included."""
    share: Number
    """Part of queries x keys that the mask leaves."""
    at_once: Number
    """Tokens of a kernel's sequence, as if the mask were causal."""
    window: Number
    """Tokens that a layer looks back on, infinite where all."""


def seen(seq_len: Number, context: Number, window: int | None) -> Seen:
    """All of the context, or the window's tokens: of a causal square half is left, of a band all but its first corner.

    The rest, 1 - keys / (2 context), is balanced over context parallel ranks (zigzag order; Dubey et al. 2024,
    arXiv:2407.21783, section 3.3.2), whose kernels work on `seq_len` keys at once.
    """
    keys = context if window is None else minimum(context, window)
    share = 1.0 - 0.5 * keys / context
    return Seen(keys, share, 2.0 * share * minimum(keys, seq_len), inf if window is None else window)


def projection(
    name: str,
    tokens: Number,
    shape: tuple[int, int],
    ways: float,
    inputs: tuple[Tensor, ...] = (),
    parts: str = "heads",
    *,
    joins: bool = False,
    matrices: int = 1,
) -> Operator:
    """A matrix of k x n times the tokens: two FLOPs a weight and token."""
    k, n = shape
    held, gemm = float(k * n), Gemm(tokens, n, k, joins=joins, matrices=matrices)
    return Operator(
        name, "attention", 2.0 * tokens * held, held, inputs, None, Recompute.ATTENTION, ways, parts, gemm=gemm
    )


def output_projection(tokens: Number, shape: tuple[int, int], heads: int, states: Tensor) -> Operator:
    """From all heads back to the residual stream, summed over the ranks and added."""
    operator = projection("output projection", tokens, shape, heads, (states,))
    operator.reduced_elements = tokens * shape[1]
    operator.gemm = Gemm(tokens, shape[1], shape[0], splits_sum=True)
    operator.moved, operator.moved_split = residual(tokens * shape[1]), Split.SEQUENCE
    return operator


def core(
    tokens: Number,
    seen: Seen,
    heads: int,
    queries: tuple[int, Tensor, Tensor],
    values: tuple[int, Tensor],
    cache: Cache,
) -> tuple[Operator, ...]:
    """QK^T, softmax and attention over V: 2 x tokens x keys x width FLOPs for each product.

    `queries` are the width of Q, Q and K; `values` the width of V over all heads, and V.
    """
    keys = seen.keys
    scores = tokens * keys * heads
    raw = Tensor(scores, dropped_from=NEVER_KEPT, fusible=True, max_ways=heads)
    softmaxed = Tensor(scores, dropped_from=Recompute.ATTENTION_COMPUTE, fusible=True, max_ways=heads)
    query_width, q, k = queries
    value_width, v = values
    products = _compute("QK^T", 2.0 * tokens * keys * query_width, heads, (q, k))
    products.scores = Scores(seen.at_once, 0.5 * (query_width + value_width) / heads, seen.share, cache)
    return (
        products,
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
    moved = 2.0 * total(elements for elements, _ in inputs)
    return Operator(name, "attention", inputs=read, recomputed_from=Recompute.ATTENTION, moved=moved)


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
    rotary: bool = False
    """Queries and keys are rotated by their position."""

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

    def operators(self, tokens: Number, seen: Seen, states: Tensor) -> tuple[Operator, ...]:
        """Projections 2bsh(2nd + 2gd), attention 4bs^2nd: 8bsh^2 + 4bs^2h where n = g and nd = h."""
        n, g, width = self.heads, self.kv_heads, self.width
        per_head = Tensor(tokens * width, dropped_from=Recompute.ATTENTION, max_ways=n)
        per_kv_head = Tensor(tokens * self.kv_width, dropped_from=Recompute.ATTENTION, max_ways=g)
        queries = projection("query projection", tokens, (self.hidden, width), n, (states,))
        queries.moved = 2.0 * tokens * (width + self.kv_width) if self.rotary else None
        kv_shape, parts = (self.hidden, 2 * self.kv_width), "heads" if g == n else "KV heads"
        # no input of its own: the fused projection reads it once
        keys_and_values = projection(
            "key and value projection", tokens, kv_shape, g, parts=parts, joins=True, matrices=2
        )
        cache = Cache(self.cache_width, self.cache_ways, 4.0 * width, seen.window, n // g)
        return (
            queries,
            keys_and_values,
            *self._qk_norms(tokens),
            *core(tokens, seen, n, (width, per_head, per_kv_head), (width, per_kv_head), cache),
            output_projection(tokens, (width, self.hidden), n, per_head),
        )

    def _qk_norms(self, tokens: Number) -> tuple[Operator, ...]:
        if self.qk_norm == "none":
            return ()
        kept = ((tokens * self.width, self.heads), (tokens * self.kv_width, self.kv_heads))
        return (norm_of("query and key norms", *kept),)
