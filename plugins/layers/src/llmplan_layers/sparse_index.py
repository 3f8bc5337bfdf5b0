"""An index that chooses, for each query, the keys that attention looks at.

DeepSeek-AI 2025, DeepSeek-V3.2: Pushing the Frontier of Open Large Language Models, section 2.1 (lightning indexer).
"""

from __future__ import annotations

from attrs import field, frozen

from llmplan.arrays.quantities import Number, minimum
from llmplan.records.checks import whole
from llmplan.records.model import Cache, Operator, Recompute, Scores, Tensor
from llmplan_layers.attention import Seen, projection

_COPIED = 1
"""Every tensor parallel rank scores all keys."""


@frozen(kw_only=True, repr=False)
class SparseIndex:
    """i index heads of width d score every key against one index key a token; attention looks at the best k."""

    heads: int = field(validator=whole)
    head_dim: int = field(validator=whole)
    top_k: int = field(validator=whole)
    """Keys that attention is left with."""
    weighs_heads: bool = True
    """The states say how much each head counts: a matrix of h x i."""
    key_norm: int = field(default=2, validator=whole)
    """Parameters of the norm of index keys, a channel: scale and bias."""

    @property
    def cache_width(self) -> int:
        """Elements that each token leaves in the cache: one index key."""
        return self.head_dim

    def parameters(self, hidden: int, query_rank: int) -> int:
        """Q id + hd + hi + 2d, where q is the width that queries are made of."""
        weights = hidden * self.heads if self.weighs_heads else 0
        return (
            query_rank * self.heads * self.head_dim + hidden * self.head_dim + weights + self.key_norm * self.head_dim
        )

    def chosen(self, seen: Seen) -> Seen:
        """Of the tokens at hand the best k; the first k see all before them, so that share is that of a window."""
        keys = minimum(seen.keys, self.top_k)
        share = 1.0 - 0.5 * keys / seen.keys
        return Seen(keys, share, 2.0 * share * minimum(keys, seen.at_once), float(self.top_k))

    def operators(self, tokens: Number, seen: Seen, hidden: int, query_rank: int) -> tuple[Operator, ...]:
        """Projections, and ReLU(q k) of every query and key before it: 2 i d FLOPs for each pair."""
        width = self.heads * self.head_dim
        narrow = self.head_dim + (self.heads if self.weighs_heads else 0)
        queries = Tensor(tokens * width, dropped_from=Recompute.ATTENTION, max_ways=_COPIED)
        keys = Tensor(tokens * self.head_dim, dropped_from=Recompute.ATTENTION, max_ways=_COPIED)
        pairs = 2.0 * self.heads * self.head_dim
        scores = Operator(
            "index scores",
            "attention",
            tokens * seen.keys * pairs,
            0.0,
            (queries, keys),
            None,
            Recompute.ATTENTION_COMPUTE,
            _COPIED,
            "indices",
            scores=Scores(
                seen.at_once,
                float(self.head_dim),
                seen.share,
                Cache(self.head_dim, _COPIED, pairs, seen.window, self.heads),
            ),
        )
        return (
            projection("index query projection", tokens, (query_rank, width), _COPIED, parts="indices"),
            projection("index key projection", tokens, (hidden, narrow), _COPIED, parts="indices"),
            scores,
        )
