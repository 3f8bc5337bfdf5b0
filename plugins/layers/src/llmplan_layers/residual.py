"""What a layer reads where that is more than one sum: several streams, or what blocks of layers have added."""

from __future__ import annotations

from typing import Protocol

from attrs import field, frozen

from llmplan.arrays.quantities import Number
from llmplan.records.checks import positive, whole
from llmplan.records.model import ALWAYS_KEPT, Gemm, Operator, Recompute, Split, Tensor

_PART = "residual"


class Residual(Protocol):
    """What stands before attention, and before the MLP, of a layer: twice a layer."""

    @property
    def parameters(self) -> int:
        """Parameters at one place of the residual stream."""

    def operators(self, tokens: Number, place: str) -> tuple[Operator, ...]:
        """Of a forward pass at one place: ``attention`` or ``mlp``."""


@frozen(kw_only=True, eq=False, repr=False)
class HyperConnections:
    """s streams of width h; weights made of all of them say what is read, what is written back and how they mix.

    Manifold-constrained hyper-connections: Xie et al. 2025, arXiv:2512.24880.
    """

    hidden: int = field(validator=whole)
    streams: int = field(validator=whole)

    @property
    def _weights(self) -> int:
        """S(s + 2) of each token: to read, to write, and to mix every stream with every other."""
        return self.streams * (self.streams + 2)

    @property
    def parameters(self) -> int:
        """A matrix of sh x s(s + 2), as many biases, and three scales."""
        return self.streams * self.hidden * self._weights + self._weights + 3

    def operators(self, tokens: Number, place: str) -> tuple[Operator, ...]:
        """The matrix, and sums over streams of 2h(s^2 + 2s) FLOPs; all streams are read twice and written once."""
        s, h = self.streams, self.hidden
        held = float(s * h * self._weights)
        streams = Tensor(tokens * s * h, Split.SEQUENCE, dropped_from=ALWAYS_KEPT)
        sums = 2.0 * tokens * h * (s * s + 2 * s)
        matrix = Operator(
            f"hyper-connections of {place}",
            _PART,
            2.0 * tokens * held,
            held,
            (streams,),
            recomputed_from=Recompute.NORM_ATTENTION_NORM,
            max_ways=1,
            gemm=Gemm(tokens, self._weights, s * h),
        )
        mixed = Operator(
            f"streams of {place}",
            _PART,
            sums,
            recomputed_from=Recompute.NORM_ATTENTION_NORM,
            moved=tokens * h * (2 * s + 2),
            moved_split=Split.SEQUENCE,
        )
        return (matrix, mixed)


@frozen(kw_only=True, eq=False, repr=False)
class BlockResidual:
    """What blocks of layers have added, each weighed by the state's likeness to one learned query (Kimi K3, 2.2)."""

    hidden: int = field(validator=whole)
    blocks: float = field(validator=positive)
    """So many on the mean over the layers, the one at hand included."""

    @property
    def parameters(self) -> int:
        """A query and a norm of h."""
        return 2 * self.hidden

    def operators(self, tokens: Number, place: str) -> tuple[Operator, ...]:
        """A score of 2h FLOPs and a weighed sum of 2h for each block, which is read once."""
        read = tokens * self.hidden * self.blocks
        return (
            Operator(
                f"residual blocks of {place}",
                _PART,
                4.0 * read,
                recomputed_from=Recompute.NORM_ATTENTION_NORM,
                moved=read + tokens * self.hidden,
                moved_split=Split.SEQUENCE,
            ),
        )
