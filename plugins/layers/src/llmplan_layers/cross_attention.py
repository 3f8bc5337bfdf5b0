"""Attention of a decoder behind an encoder: to what it has written, then to what the encoder has read.

Vaswani et al. 2017, arXiv:1706.03762, section 3.2.3.
"""

from __future__ import annotations

from attrs import frozen

from llmplan.arrays.quantities import Number
from llmplan.records.model import Cache, Operator, Recompute, Tensor, Works
from llmplan_layers.attention import Mask, Seen, norm_of, seen
from llmplan_layers.grouped_attention import GroupedAttention


@frozen(kw_only=True, eq=False, repr=False, slots=False)
class CrossAttention:
    """Two attentions of a decoder's layer, one behind the other.

    Of a token that was written the first keeps keys and values, of one that was read the second; so the cache is as
    wide as one of them, over all tokens of a sequence, and a step looks at each once. Training has as many tokens to
    read as to write.
    """

    own: GroupedAttention
    """To what was written."""
    cross: GroupedAttention
    """To what was read; as many KV heads of the same width."""
    part: str = "attention"

    @property
    def parameters(self) -> int:
        """Parameters of both projections, of queries and of what they look at."""
        return self.own.parameters + self.cross.parameters

    @property
    def cache_width(self) -> int:
        """Of one of them, whichever a token belongs to."""
        return self.own.cache_width

    @property
    def cache_ways(self) -> float:
        """Ways to divide the cache: by KV heads."""
        return self.own.cache_ways

    def operators(self, tokens: Number, seen_: Seen, states: Tensor) -> tuple[Operator, ...]:
        """Both, with a norm in between; keys and values of what was read are made once, when it is read."""
        first = self.own.operators(tokens, seen_, states)
        for operator in first:
            if operator.scores is not None:
                # while decoding the second stands for both
                operator.scores.cache = Cache(0.0, self.own.cache_ways, 0.0)
        width = tokens * self.cross.hidden
        norm = norm_of("norm before cross-attention", (width, 1))
        again = Tensor(width, dropped_from=Recompute.ATTENTION, max_ways=1)
        keys = seen_.keys
        second = self.cross.operators(tokens, seen(keys, keys, None, Mask.FULL), again)
        for operator in second:
            operator.name = f"cross-attention: {operator.name}"
            if operator.gemm is not None and operator.gemm.joins:
                operator.gemm.joins, operator.works = False, Works.PROMPT
        return (*first, norm, *second)
