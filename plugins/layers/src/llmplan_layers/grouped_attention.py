"""Attention of one layer, with the queries in groups that share keys and values.

Ainslie et al. 2023, arXiv:2305.13245.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from attrs import field, frozen

from llmplan.arrays.quantities import Number
from llmplan.records.checks import whole
from llmplan.records.model import Cache, Operator, Recompute, Tensor
from llmplan_layers.attention import Seen, core, norm_of, output_projection, projection

if TYPE_CHECKING:
    from llmplan_layers.sparse_index import SparseIndex


@frozen(kw_only=True, eq=False, repr=False, slots=False)
class GroupedAttention:
    """n heads of queries, g of keys and values: multi-head where g = n, multi-query where g = 1.

    d is the width of a query and a key, e that of a value, nearly always the same.
    """

    hidden: int = field(validator=whole)
    heads: int = field(validator=whole)
    kv_heads: int = field(validator=whole)
    head_dim: int = field(validator=whole)
    value_head_dim: int | None = None
    """None: as wide as keys."""
    qkv_bias: bool = False
    key_bias: bool = True
    """Keys have a bias where queries and values do."""
    o_bias: bool = False
    qk_norm: str = "none"
    sinks: bool = False
    rotary: bool = False
    """Queries and keys are rotated by their position."""
    keys_are_values: bool = False
    """One projection makes both; they differ in norm and rotation, so that both are cached."""
    keys_from_before: bool = False
    """Keys and values, and their cache, are those of a layer before (cross-layer sharing)."""
    output_gate: bool = False
    """The queries' projection makes a gate of the output too, as wide as the queries."""
    index: SparseIndex | None = None
    """What chooses the keys that it attends to."""
    part: str = "attention"

    @cached_property
    def width(self) -> int:
        """N d: the width of the queries, not always h."""
        return self.heads * self.head_dim

    @cached_property
    def kv_width(self) -> int:
        """G d: the width of the keys."""
        return self.kv_heads * self.head_dim

    @cached_property
    def value_width(self) -> int:
        """G e: the width of the values."""
        return self.kv_heads * self._value_dim

    @cached_property
    def output_width(self) -> int:
        """N e: what the output projection reads."""
        return self.heads * self._value_dim

    @property
    def _value_dim(self) -> int:
        return self.head_dim if self.value_head_dim is None else self.value_head_dim

    @property
    def _made_width(self) -> int:
        """Of the columns that make keys and values."""
        return 0 if self.keys_from_before else self.kv_width + (0 if self.keys_are_values else self.value_width)

    @property
    def parameters(self) -> int:
        """2hnd + 2hgd; biases nd + 2gd and h; query and key norms 2d, or nd + gd; a sink a head."""
        columns = self.width * (2 if self.output_gate else 1) + self._made_width
        without = 0 if self.key_bias else self.kv_width
        biases = self.qkv_bias * (columns - without) + self.o_bias * self.hidden
        norms = {"none": 0, "head": 2 * self.head_dim, "full": self.width + self.kv_width}[self.qk_norm]
        if self.keys_from_before:
            norms = {"none": 0, "head": self.head_dim, "full": self.width}[self.qk_norm]
        index = 0 if self.index is None else self.index.parameters(self.hidden, self.hidden)
        return self.hidden * (columns + self.output_width) + biases + norms + self.sinks * self.heads + index

    @property
    def cache_width(self) -> int:
        """K and V: g(d + e), and the keys of an index."""
        own = 0 if self.keys_from_before else self.kv_width + self.value_width
        return own + (0 if self.index is None else self.index.cache_width)

    @property
    def cache_ways(self) -> float:
        """Ways to divide the cache: by KV heads."""
        return self.kv_heads

    def operators(self, tokens: Number, seen: Seen, states: Tensor) -> tuple[Operator, ...]:
        """Projections 2bsh(2nd + 2gd), attention 4bs^2nd: 8bsh^2 + 4bs^2h where n = g and nd = h."""
        n, g, index = self.heads, self.kv_heads, self.index
        per_head = Tensor(tokens * self.output_width, dropped_from=Recompute.ATTENTION, max_ways=n)
        queries = Tensor(tokens * self.width, dropped_from=Recompute.ATTENTION, max_ways=n)
        keys = Tensor(tokens * self.kv_width, dropped_from=Recompute.ATTENTION, max_ways=g)
        values = Tensor(tokens * self.value_width, dropped_from=Recompute.ATTENTION, max_ways=g)
        looked = seen if index is None else index.chosen(seen)
        kept = self.kv_width + self.value_width
        pair_flops = 2.0 * (self.width + self.output_width)
        cache = Cache(kept, self.cache_ways, pair_flops, looked.window, n // g)
        indexing = () if index is None else index.operators(tokens, seen, self.hidden, self.hidden)
        return (
            *indexing,  # ahead of multiplications, so that its scores are a kernel of their own
            *self._projections(tokens, states),
            *self._qk_norms(tokens),
            *self._gate(tokens),
            *core(tokens, looked, n, (self.width, queries, keys), (self.output_width, values), cache),
            output_projection(tokens, (self.output_width, self.hidden), n, per_head),
        )

    def _projections(self, tokens: Number, states: Tensor) -> tuple[Operator, ...]:
        n, g = self.heads, self.kv_heads
        columns = self.width * (2 if self.output_gate else 1)
        queries = projection("query projection", tokens, (self.hidden, columns), n, (states,))
        queries.moved = 2.0 * tokens * (self.width + self.kv_width) if self.rotary else None
        if self.keys_from_before:
            return (queries,)
        # no input of its own: the fused projection reads it once
        keys_and_values = projection(
            "key and value projection",
            tokens,
            (self.hidden, self._made_width),
            g,
            parts="heads" if g == n else "KV heads",
            joins=True,
            matrices=1 if self.keys_are_values else 2,
        )
        return (queries, keys_and_values)

    def _gate(self, tokens: Number) -> tuple[Operator, ...]:
        """Reads the gate and the output, writes their product; no part of the attention kernel, so that it is first."""
        if not self.output_gate:
            return ()
        elements = tokens * self.output_width
        read = Tensor(elements, dropped_from=Recompute.ATTENTION, max_ways=self.heads)
        return (
            Operator(
                "output gate",
                "attention",
                inputs=(read,),
                recomputed_from=Recompute.ATTENTION,
                max_ways=self.heads,
                parts="heads",
                moved=3.0 * elements,
            ),
        )

    def _qk_norms(self, tokens: Number) -> tuple[Operator, ...]:
        if self.qk_norm == "none":
            return ()
        kept = ((tokens * self.width, self.heads), (tokens * self.kv_width, self.kv_heads))
        return (norm_of("query and key norms", *kept),)
