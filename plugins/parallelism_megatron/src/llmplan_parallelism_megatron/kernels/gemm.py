"""Matrix multiplications of one number format on one rank."""

from __future__ import annotations

from typing import NamedTuple

from llmplan.arrays.quantities import Number
from llmplan.records import Gemm, GemmCurve, gemm_bytes


class GemmKernel(NamedTuple):
    """A curve at the peak of a number format, with the memory that its operands come from."""

    curve: GemmCurve
    peak_flops: float
    """As far as a run sustains it."""
    bytes_per_second: float

    @property
    def most_flops_per_second(self) -> float:
        """FLOP/s that the largest multiplications reach."""
        return self.peak_flops * self.curve.plateau

    def seconds(self, m: Number, n: Number, k: Number, g: Number, operand_bytes: float, output_bytes: float) -> Number:
        """Of g multiplications side by side, each m x k times k x n."""
        moved = gemm_bytes(m, n, k, g, operand_bytes, output_bytes)
        return self.curve.seconds(m, n, k, g, self.peak_flops, moved, self.bytes_per_second)

    def forward_seconds(self, gemm: Gemm, operand_bytes: float, output_bytes: float) -> Number:
        """Y = X W: m x k times k x n."""
        return self.seconds(gemm.m, gemm.n, gemm.k, gemm.groups, operand_bytes, output_bytes)

    def input_gradient_seconds(self, gemm: Gemm, operand_bytes: float, output_bytes: float) -> Number:
        """Gradient of inputs, dX = dY W^T: m x n times n x k."""
        return self.seconds(gemm.m, gemm.k, gemm.n, gemm.groups, operand_bytes, output_bytes)

    def weight_gradient_seconds(self, gemm: Gemm, operand_bytes: float, output_bytes: float) -> Number:
        """Gradient of weights, dW = X^T dY: k x m times m x n."""
        return self.seconds(gemm.k, gemm.n, gemm.m, gemm.groups, operand_bytes, output_bytes)
