"""Attention to a window of tokens, and to all before them compressed, some into one.

DeepSeek-V4: keys are values, one for all heads; every so many tokens are pooled into one by weights that they make
themselves, of which an index may choose the best; the output projection is in groups of low rank.
"""

from __future__ import annotations

from attrs import field, frozen

from llmplan.arrays.quantities import Number, minimum
from llmplan.records.checks import count, whole
from llmplan.records.model import Cache, Gemm, Operator, Recompute, Scores, State, Tensor
from llmplan_layers.attention import Seen, core, norm_of, output_projection, projection

_COPIED = 1
_STATE_BITS = 32.0


@frozen(kw_only=True, eq=False, repr=False)
class CompressedIndex:
    """i heads of width d score compressed keys of their own; attention looks at the best k of them."""

    heads: int = field(validator=whole)
    head_dim: int = field(validator=whole)
    top_k: int = field(validator=whole)


@frozen(kw_only=True, eq=False, repr=False, slots=False)
class CompressedAttention:
    """n heads of width d on states of width h, from a latent of rank q; r tokens are one that is compressed."""

    hidden: int = field(validator=whole)
    heads: int = field(validator=whole)
    head_dim: int = field(validator=whole)
    q_rank: int = field(validator=whole)
    o_groups: int = field(validator=whole)
    o_rank: int = field(validator=whole)
    window: int = field(validator=whole)
    ratio: int = field(default=0, validator=count)
    """0: the window alone."""
    overlaps: bool = False
    """Each group of tokens is pooled with the one before it."""
    index: CompressedIndex | None = None
    part: str = "attention"

    @property
    def _query_width(self) -> int:
        return self.heads * self.head_dim

    def _pooling(self, width: int) -> int:
        """Columns that values and weights of so wide a compressed token are made by."""
        return 2 * (2 if self.overlaps else 1) * width

    def _pooling_parameters(self, width: int) -> int:
        """Both matrices, a weight for each place in a group, a norm."""
        return self.hidden * self._pooling(width) + self.ratio * self._pooling(width) // 2 + width

    @property
    def parameters(self) -> int:
        """Hq + qnd + hd + nd o + g o h; norms q + d, a sink a head; what compresses, and what scores."""
        h, d = self.hidden, self.head_dim
        queries = h * self.q_rank + self.q_rank * self._query_width + self.q_rank
        output = self._query_width * self.o_rank + self.o_groups * self.o_rank * h
        compressed = self._pooling_parameters(d) if self.ratio else 0
        return queries + h * d + d + output + self.heads + compressed + self._index_parameters

    @property
    def _index_parameters(self) -> int:
        if self.index is None:
            return 0
        width = self.index.heads * self.index.head_dim
        return self.q_rank * width + self.hidden * self.index.heads + self._pooling_parameters(self.index.head_dim)

    @property
    def cache_width(self) -> int:
        """Of a token of the window; of older ones `cached` says how much is left."""
        return self.head_dim

    @property
    def cache_ways(self) -> float:
        """Every rank needs all of it."""
        return _COPIED

    def cached(self, tokens: Number) -> Number:
        """D of each token of the window, and of every r tokens d more and the index's own."""
        kept = self.head_dim * minimum(tokens, self.window)
        if not self.ratio:
            return kept
        own = self.head_dim + (0 if self.index is None else self.index.head_dim)
        return kept + own / self.ratio * tokens

    def operators(self, tokens: Number, seen: Seen, states: Tensor) -> tuple[Operator, ...]:
        """Projections; QK^T and attention over V in the window, then over what is compressed."""
        n, d, wide = self.heads, self.head_dim, self._query_width
        latent = Tensor(tokens * self.q_rank, dropped_from=Recompute.ATTENTION, max_ways=_COPIED)
        queries = Tensor(tokens * wide, dropped_from=Recompute.ATTENTION, max_ways=n)
        keys = Tensor(tokens * d, dropped_from=Recompute.ATTENTION, max_ways=_COPIED)
        near = _limited(seen, self.window)
        return (
            *self._indexing(tokens, seen),  # ahead of multiplications, so that its scores are a kernel of their own
            projection("query down projection", tokens, (self.hidden, self.q_rank), _COPIED, (states,), "latents"),
            projection("key projection", tokens, (self.hidden, d), _COPIED, parts="keys", joins=True),
            *self._compressing(tokens, d, "tokens"),
            norm_of("query and key norms", (tokens * self.q_rank, _COPIED), (tokens * d, _COPIED)),
            projection("query up projection", tokens, (self.q_rank, wide), n, (latent,)),
            *core(tokens, near, n, (wide, queries, keys), (wide, keys), Cache(d, _COPIED, 4.0 * wide, self.window, n)),
            *self._looking_far(tokens, seen, queries, keys),
            *self._output(tokens, queries),
        )

    def _compressing(self, tokens: Number, width: int, what: str) -> tuple[Operator, ...]:
        """Values and weights of a group stay until it is full, in 32 bits."""
        if not self.ratio:
            return ()
        columns = self._pooling(width)
        made = projection(
            f"compression of {what}", tokens, (self.hidden, columns), _COPIED, parts="keys", joins=what == "tokens"
        )
        held = self.ratio * (2 if self.overlaps else 1) * columns
        made.state, made.moved = State(held, _STATE_BITS, _COPIED), tokens * (columns + width / self.ratio)
        return (made,)

    def _looking_far(self, tokens: Number, seen: Seen, queries: Tensor, keys: Tensor) -> tuple[Operator, ...]:
        """A token counts as 1/r of a compressed one, in FLOPs and in the cache."""
        if not self.ratio:
            return ()
        n, wide, r = self.heads, self._query_width, self.ratio
        far = seen if self.index is None else _limited(seen, self.index.top_k * r)
        looked = Seen(far.keys / r, far.share, far.at_once / r, far.window)
        cache = Cache(self.head_dim / r, _COPIED, 4.0 * wide / r, far.window, n)
        operators = core(tokens, looked, n, (wide, queries, keys), (wide, keys), cache)
        for operator in operators:
            operator.name = f"compressed: {operator.name}"
        return operators

    def _indexing(self, tokens: Number, seen: Seen) -> tuple[Operator, ...]:
        if self.index is None:
            return ()
        heads, width = self.index.heads, self.index.heads * self.index.head_dim
        pairs = 2.0 * width / self.ratio
        queries = Tensor(tokens * width, dropped_from=Recompute.ATTENTION, max_ways=_COPIED)
        keys = Tensor(tokens * self.index.head_dim / self.ratio, dropped_from=Recompute.ATTENTION, max_ways=_COPIED)
        cache = Cache(self.index.head_dim / self.ratio, _COPIED, pairs, seen.window, heads)
        scores = Operator(
            "index scores",
            self.part,
            tokens * seen.keys * pairs,
            inputs=(queries, keys),
            recomputed_from=Recompute.ATTENTION_COMPUTE,
            max_ways=_COPIED,
            parts="indices",
            scores=Scores(seen.at_once / self.ratio, float(self.index.head_dim), seen.share, cache),
        )
        return (
            projection("index query projection", tokens, (self.q_rank, width), _COPIED, parts="indices"),
            projection("index weights", tokens, (self.hidden, heads), _COPIED, parts="indices"),
            *self._compressing(tokens, self.index.head_dim, "index keys"),
            scores,
        )

    def _output(self, tokens: Number, per_head: Tensor) -> tuple[Operator, ...]:
        """Each group of heads down to a latent of its own, all of these to the states."""
        groups, rank, wide = self.o_groups, self.o_rank, self._query_width
        grouped = projection("grouped output projection", tokens, (wide, rank), groups, (per_head,), "groups")
        grouped.gemm = Gemm(tokens, rank, wide // groups, groups)
        latent = Tensor(tokens * groups * rank, dropped_from=Recompute.ATTENTION, max_ways=groups)
        return (grouped, output_projection(tokens, (groups * rank, self.hidden), groups, latent))


def _limited(seen: Seen, most: int) -> Seen:
    """The last, or the best, so many tokens of those at hand; the first of them see all before them."""
    keys = minimum(seen.keys, most)
    share = 1.0 - 0.5 * keys / seen.keys
    return Seen(keys, share, 2.0 * share * minimum(keys, seen.at_once), float(most))
