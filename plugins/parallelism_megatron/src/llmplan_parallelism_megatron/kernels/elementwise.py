"""Kernels that move data and compute little: norms, residuals, rotations, activation functions, the loss; and those
whose operators state no shape.
"""

from __future__ import annotations

from llmplan.arrays.quantities import Number, maximum
from llmplan.arrays.term import term

BACKWARD_MOVED = 1.5
"""Elements that the backward pass of a memory-bound kernel moves, against its forward pass: the gradient that comes in
and the saved input are read, the gradient that goes out is written: three against two.
"""

ROOFLINE = "Williams et al. 2009, doi:10.1145/1498765.1498785"


@term(
    "launch + moved * traffic / bandwidth",
    unit="s",
    source=ROOFLINE,
)
def moved_seconds(moved: Number, traffic: float, bandwidth: float, launch: float) -> Number:
    """Norms, residuals and activation functions do next to no arithmetic, so that memory binds; `traffic` is what the
    framework moves against kernels that fuse all they can.
    """
    return launch + moved * traffic / bandwidth


@term("elements * each / bandwidth", unit="s", source=ROOFLINE)
def reading_seconds(elements: Number, each: float, bandwidth: float) -> Number:
    """Weights are read once a pass, however many tokens share them, which is why larger batches decode faster; logits
    are read and written by the loss.
    """
    return elements * each / bandwidth


@term("max(flops / rate, moved / bandwidth)", unit="s", source=ROOFLINE)
def without_shape_seconds(flops: Number, rate: Number, moved: Number, bandwidth: float) -> Number:
    """Operators that state no shape compute at the rate of large multiplications, or read their weights once."""
    return maximum(flops / rate, moved / bandwidth)
