"""The dense MLP of one layer."""

from __future__ import annotations

from functools import cached_property
from typing import Protocol

from attrs import field, frozen

from llmplan.arrays.quantities import Number
from llmplan.records.checks import whole
from llmplan.records.model import Gemm, Operator, Split, Tensor


class MlpLayer(Protocol):
    """One kind of MLP: what it holds, what a token uses of it, what it computes."""

    @property
    def parameters(self) -> int:
        """Matrices and biases, all of them."""

    @property
    def active_parameters(self) -> int:
        """Those that one token passes through."""

    @property
    def routed_parameters(self) -> int:
        """Those of routed experts, 0 where there are none."""

    def operators(self, tokens: Number, states: Tensor) -> tuple[Operator, ...]:
        """Of a forward pass; `states` are the layer's normed states."""


def residual(elements: Number) -> Number:
    """Elements that adding a branch to the residual stream moves: both read, the sum written."""
    return 3.0 * elements


@frozen(kw_only=True, eq=False, repr=False, slots=False)
class DenseMlp:
    """Two matrices, or three with a gate, as in SwiGLU (Shazeer 2020, arXiv:2002.05202)."""

    hidden: int = field(validator=whole)
    ffn_hidden: int = field(validator=whole)
    gated: bool
    bias: bool = False

    @property
    def parameters(self) -> int:
        """3hf, or 2hf without gate; biases 2f + h, or f + h."""
        ups, h, f = self.ups, self.hidden, self.ffn_hidden
        return (ups + 1) * h * f + self.bias * (ups * f + h)

    @property
    def active_parameters(self) -> int:
        """Parameters that each token is multiplied with: all of them."""
        return self.parameters

    @property
    def routed_parameters(self) -> int:
        """Parameters that lie in routed experts: none."""
        return 0

    @cached_property
    def ups(self) -> int:
        """Matrices from h to f: the gate is one of them."""
        return 2 if self.gated else 1

    def operators(self, tokens: Number, states: Tensor) -> tuple[Operator, ...]:
        """6bshf with a gate, 4bshf without: 16bsh^2 where f = 4h."""
        h, f, ups = self.hidden, self.ffn_hidden, self.ups
        inner = Tensor(tokens * f)
        up_weights = float(ups * h * f)
        return (
            Operator(
                "up projection",
                "mlp",
                2.0 * tokens * up_weights,
                up_weights,
                (states,),
                gemm=Gemm(tokens, ups * f, h, matrices=ups),
            ),
            # reads the ups, writes their product
            Operator("activation function", "mlp", inputs=(inner,) * ups, moved=(ups + 1) * tokens * f),
            Operator(
                "down projection",
                "mlp",
                2.0 * tokens * h * f,
                float(h * f),
                (inner,),
                tokens * h,
                gemm=Gemm(tokens, h, f, splits_sum=True),
                moved=residual(tokens * h),
                moved_split=Split.SEQUENCE,
            ),
        )
