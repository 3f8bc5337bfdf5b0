"""Layers of selective state spaces: a state a channel in place of a cache, which each token decays, adds to and reads.

Mamba: Gu & Dao 2023, arXiv:2312.00752; Mamba-2: Dao & Gu 2024, arXiv:2405.21060.
"""

from __future__ import annotations

from attrs import field, frozen

from llmplan.arrays.quantities import Number
from llmplan.records.checks import whole
from llmplan.records.model import Operator, Recompute, State, Tensor
from llmplan_layers.attention import Seen, output_projection, projection

_CHANNELS = "channels"


@frozen(kw_only=True, eq=False, repr=False, slots=False)
class Mamba2:
    """n heads of width p, each with a state of p x N, over g groups of input and output matrices of width N."""

    hidden: int = field(validator=whole)
    heads: int = field(validator=whole)
    head_dim: int = field(validator=whole)
    state_size: int = field(validator=whole)
    groups: int = 1
    conv_kernel: int = 4
    conv_bias: bool = True
    bias: bool = False
    """Of both projections."""
    chunk: int = 128
    """Tokens that kernels work on at once."""
    state_bits: float = 32.0
    part: str = "state_space"

    @property
    def inner(self) -> int:
        """N p: the width between the projections."""
        return self.heads * self.head_dim

    @property
    def _mixed_width(self) -> int:
        """Of states and of input and output matrices, which the convolution runs over."""
        return self.inner + 2 * self.groups * self.state_size

    @property
    def _columns(self) -> int:
        """Of the projection: gate, states, input and output matrices, a time step a head."""
        return self.inner + self._mixed_width + self.heads

    @property
    def parameters(self) -> int:
        """Two projections, the convolution; decay, bias and skip a head; a norm of the inner width."""
        matrices = self.hidden * (self._columns + self.inner) + self.bias * (self._columns + self.hidden)
        convolution = (self.conv_kernel + self.conv_bias) * self._mixed_width
        return matrices + convolution + 3 * self.heads + self.inner

    @property
    def cache_width(self) -> int:
        """Elements that each token leaves in the cache: none."""
        return 0

    @property
    def cache_ways(self) -> float:
        """Ways to divide the state: by heads."""
        return self.heads

    def state_elements(self) -> tuple[int, int]:
        """Of the states, n p N, and of the tokens that the convolution looks at again."""
        return self.inner * self.state_size, (self.conv_kernel - 1) * self._mixed_width

    def operators(self, tokens: Number, seen: Seen, states: Tensor) -> tuple[Operator, ...]:
        """Projections; in chunks of C tokens 4npN + Cg2N + 2Cnp FLOPs a token (section 6)."""
        del seen  # a token looks at the state, however many came before it
        made = projection(
            "state space projection", tokens, (self.hidden, self._columns), self.heads, (states,), parts="heads"
        )
        kept = _kept(tokens * self.inner, self.heads)
        output = output_projection(tokens, (self.inner, self.hidden), self.heads, kept)
        made.part = output.part = self.part
        matrices, further = self.state_elements()
        of_chunk = self.chunk * (2.0 * self.groups * self.state_size + 2.0 * self.inner)
        # reads states, matrices and gate, writes the output and the norm of it; states of chunks are written and read
        passed = self._mixed_width + 4.0 * self.inner + 2.0 * matrices / self.chunk
        scan = Operator(
            "state space scan",
            self.part,
            tokens * (4.0 * matrices + of_chunk),
            0.0,
            (_kept(tokens * self._mixed_width, self.heads), kept),
            None,
            Recompute.ATTENTION_COMPUTE,
            self.heads,
            "heads",
            state=State(matrices, self.state_bits, self.heads),
            moved=tokens * passed,
        )
        return (made, _convolution(self, tokens, self._mixed_width, further), scan, output)


@frozen(kw_only=True, eq=False, repr=False, slots=False)
class Mamba1:
    """A state of N for each of c channels; time steps from a latent of rank r."""

    hidden: int = field(validator=whole)
    inner: int = field(validator=whole)
    """C: the channels."""
    state_size: int = field(validator=whole)
    dt_rank: int = field(validator=whole)
    conv_kernel: int = 4
    conv_bias: bool = True
    bias: bool = False
    """Of both projections."""
    inner_norms: bool = False
    """Of time steps and of input and output matrices (Jamba, arXiv:2403.19887)."""
    state_bits: float = 32.0
    part: str = "state_space"

    @property
    def _narrow(self) -> int:
        """Time steps' latent, input and output matrices."""
        return self.dt_rank + 2 * self.state_size

    @property
    def parameters(self) -> int:
        """Projections 2hc and ch, the convolution, c(r + 2N) and (r + 1)c, decays cN, a skip a channel."""
        h, c = self.hidden, self.inner
        matrices = 3 * h * c + self.bias * (2 * c + h) + c * self._narrow + (self.dt_rank + 1) * c
        convolution = (self.conv_kernel + self.conv_bias) * c
        return matrices + convolution + c * self.state_size + c + self.inner_norms * self._narrow

    @property
    def cache_width(self) -> int:
        """Elements that each token leaves in the cache: none."""
        return 0

    @property
    def cache_ways(self) -> float:
        """Ways to divide the state: by channels."""
        return self.inner

    def state_elements(self) -> tuple[int, int]:
        """Of the states, cN, and of the tokens that the convolution looks at again."""
        return self.inner * self.state_size, (self.conv_kernel - 1) * self.inner

    def operators(self, tokens: Number, seen: Seen, states: Tensor) -> tuple[Operator, ...]:
        """Projections; a scan, token after token, of 9cN FLOPs a token (section 3.3)."""
        del seen  # a token looks at the state, however many came before it
        c, narrow = self.inner, self._narrow
        kept = _kept(tokens * c, c)
        made = projection("state space projection", tokens, (self.hidden, 2 * c), c, (states,), parts=_CHANNELS)
        matrices = projection("state matrices projection", tokens, (c, narrow), c, (kept,), parts=_CHANNELS)
        steps = projection("time step projection", tokens, (self.dt_rank, c), c, parts=_CHANNELS)
        output = output_projection(tokens, (c, self.hidden), c, kept)
        made.part = matrices.part = steps.part = output.part = self.part
        elements, further = self.state_elements()
        scan = Operator(
            "state space scan",
            self.part,
            9.0 * tokens * elements,
            0.0,
            (kept, kept),
            None,
            Recompute.ATTENTION_COMPUTE,
            c,
            _CHANNELS,
            state=State(elements, self.state_bits, c),
            moved=tokens * (5.0 * c + narrow),
        )
        return (made, _convolution(self, tokens, c, further), matrices, steps, scan, output)


def _convolution(layer: Mamba1 | Mamba2, tokens: Number, width: int, further: int) -> Operator:
    ways = layer.cache_ways
    return Operator(
        "short convolution",
        layer.part,
        2.0 * layer.conv_kernel * tokens * width,
        float(layer.conv_kernel * width),
        (_kept(tokens * width, ways),),
        None,
        Recompute.ATTENTION,
        ways,
        _CHANNELS,
        state=State(further, None, ways),
        moved=2.0 * tokens * width,
    )


def _kept(elements: Number, ways: float) -> Tensor:
    return Tensor(elements, dropped_from=Recompute.ATTENTION, max_ways=ways)
