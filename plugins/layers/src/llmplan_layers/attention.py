"""Attention of one layer, with the queries in groups that share keys and values."""

from __future__ import annotations

from enum import Enum
from math import inf
from typing import NamedTuple, Protocol

from llmplan.arrays.quantities import Number, minimum, total
from llmplan.records.model import NEVER_KEPT, Cache, Gemm, Operator, Recompute, Scores, Split, Tensor
from llmplan_layers.mlp import residual


class Mask(Enum):
    """Which tokens of those at hand a token attends to."""

    CAUSAL = "causal"
    """Those before it, or the last of them where there is a window."""
    CHUNKED = "chunked"
    """Those before it in its own chunk of as many tokens as the window (Llama 4)."""
    FULL = "full"
    """All, those after it included (encoders)."""


class AttentionLayer(Protocol):
    """One kind of mixer of tokens: what it holds, what it caches, what it computes."""

    @property
    def part(self) -> str:
        """The line of the breakdown, and of the parameters, that it belongs to: ``attention``, or its own word."""

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
    """Which tokens each token attends to."""

    keys: Number
    """Tokens, those that the mask hides included."""
    share: Number
    """Part of queries x keys that the mask leaves."""
    at_once: Number
    """Tokens of a kernel's sequence, as if the mask were causal."""
    window: Number
    """Tokens that a layer looks back on, infinite where all."""


def seen(seq_len: Number, context: Number, window: int | None, mask: Mask = Mask.CAUSAL) -> Seen:
    """All of the context, or the window's tokens: of a causal square half is left, of a band all but its first corner.

    Of chunks half of each is left, of an encoder's square all.

    The rest, 1 - keys / (2 context), is balanced over context parallel ranks (zigzag order; Dubey et al. 2024,
    arXiv:2407.21783, section 3.3.2), whose kernels work on `seq_len` keys at once.
    """
    keys = context if window is None else minimum(context, window)
    share: Number = 1.0 if mask is Mask.FULL else 0.5 if mask is Mask.CHUNKED else 1.0 - 0.5 * keys / context
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
