"""Linear attention by the delta rule: a matrix a head in place of a cache, which each token decays, corrects and reads.

Gated DeltaNet: Yang et al. 2024, arXiv:2412.06464; with a decay for each channel: Kimi Linear, arXiv:2510.26692.
"""

from __future__ import annotations

from attrs import field, frozen

from llmplan.arrays.quantities import Number
from llmplan.records.checks import whole
from llmplan.records.model import Operator, Recompute, State, Tensor
from llmplan_layers.attention import Seen, output_projection, projection

CHUNK = 64.0
"""Tokens that kernels work on at once, as in flash-linear-attention."""


@frozen(kw_only=True, eq=False, repr=False, slots=False)
class DeltaAttention:
    """g heads of queries and keys of width d, n heads of values of width e, each value head with a state of d x e."""

    hidden: int = field(validator=whole)
    key_heads: int = field(validator=whole)
    value_heads: int = field(validator=whole)
    key_dim: int = field(validator=whole)
    value_dim: int = field(validator=whole)
    conv_kernel: int = 4
    """Tokens that a short convolution over queries, keys and values looks at."""
    channel_decay: bool = False
    """A decay for each channel, by two narrow matrices, and such a gate of the output (Kimi Delta Attention); else a
    decay for each head, and a gate as wide as the values.
    """
    full_gate: bool = False
    """The gate of the output is as wide as the values in spite of `channel_decay` (Kimi K3)."""
    state_bits: float = 32.0
    part: str = "linear_attention"

    @property
    def keys_width(self) -> int:
        """G d, of queries and of keys."""
        return self.key_heads * self.key_dim

    @property
    def values_width(self) -> int:
        """Elements of the values of all heads."""
        return self.value_heads * self.value_dim

    @property
    def _mixed_width(self) -> int:
        """Of queries, keys and values together, which the convolution runs over."""
        return 2 * self.keys_width + self.values_width

    @property
    def _narrow(self) -> int:
        """Columns that make decays, gates and strengths of corrections, or the first of two matrices of each."""
        if self.channel_decay:
            return self.key_dim + (self.values_width if self.full_gate else self.value_dim) + self.value_heads
        return self.values_width + 2 * self.value_heads

    @property
    def _decay_width(self) -> int:
        return self.value_heads * self.key_dim

    @property
    def _second(self) -> int:
        """Weights of the second of two narrow matrices."""
        if not self.channel_decay:
            return 0
        gate = 0 if self.full_gate else self.value_dim * self.values_width
        return self.key_dim * self._decay_width + gate

    @property
    def parameters(self) -> int:
        """Projections, convolution, decays with their bias a head (or a channel), a norm of e."""
        matrices = self.hidden * (self._mixed_width + self._narrow + self.values_width) + self._second
        biases = self._decay_width if self.channel_decay else self.value_heads
        return matrices + self.conv_kernel * self._mixed_width + self.value_heads + biases + self.value_dim

    @property
    def cache_width(self) -> int:
        """Elements that each token leaves in the cache: none."""
        return 0

    @property
    def cache_ways(self) -> float:
        """Ways to divide the state: by value heads."""
        return self.value_heads

    def state_elements(self) -> tuple[int, int]:
        """Of the matrices, n d e, and of the tokens that the convolution looks at again."""
        matrices = self.value_heads * self.key_dim * self.value_dim
        return matrices, (self.conv_kernel - 1) * self._mixed_width

    def operators(self, tokens: Number, seen: Seen, states: Tensor) -> tuple[Operator, ...]:
        """Projections; the rule in chunks of C tokens: n (6de + C(6d + 4e)) FLOPs a token (section 3.3)."""
        del seen  # a token looks at the state, however many came before it
        n, mixed = self.value_heads, self._mixed_width
        made = projection("linear attention projection", tokens, (self.hidden, mixed), self.key_heads, (states,))
        narrow = projection("gate projection", tokens, (self.hidden, self._narrow), n, joins=True)
        made.part = narrow.part = self.part
        output = output_projection(tokens, (self.values_width, self.hidden), n, self._kept(tokens * self.values_width))
        output.part = self.part
        return (made, narrow, *self._second_projections(tokens), self._convolution(tokens), self._rule(tokens), output)

    def _second_projections(self, tokens: Number) -> tuple[Operator, ...]:
        if not self.channel_decay:
            return ()
        decay = projection("decay projection", tokens, (self.key_dim, self._decay_width), self.value_heads)
        decay.part = self.part
        if self.full_gate:
            return (decay,)
        gate = projection("output gate projection", tokens, (self.value_dim, self.values_width), self.value_heads)
        gate.part = self.part
        return (decay, gate)

    def _convolution(self, tokens: Number) -> Operator:
        elements = tokens * self._mixed_width
        return Operator(
            "short convolution",
            self.part,
            2.0 * self.conv_kernel * elements,
            float(self.conv_kernel * self._mixed_width),
            (self._kept(elements),),
            None,
            Recompute.ATTENTION,
            self.key_heads,
            "heads",
            state=State(self.state_elements()[1], None, self.key_heads),
            moved=2.0 * elements,
        )

    def _rule(self, tokens: Number) -> Operator:
        """Reads queries, keys, values, decays and gate, writes the output; states of chunks are written and read."""
        n, d, e = self.value_heads, self.key_dim, self.value_dim
        wide = self._decay_width if self.channel_decay else 0
        passed = self._mixed_width + wide + 3 * self.values_width + 2.0 * n * d * e / CHUNK
        return Operator(
            "delta rule",
            self.part,
            tokens * n * (6.0 * d * e + CHUNK * (6.0 * d + 4.0 * e)),
            0.0,
            (self._kept(tokens * self._mixed_width), self._kept(tokens * (self.values_width + wide))),
            None,
            Recompute.ATTENTION_COMPUTE,
            n,
            "heads",
            state=State(self.state_elements()[0], self.state_bits, n),
            moved=tokens * passed,
        )

    def _kept(self, elements: Number) -> Tensor:
        return Tensor(elements, dropped_from=Recompute.ATTENTION, max_ways=self.value_heads)
