"""Kernels that only move data: norms, residuals, rotations, activation functions, the loss."""

from __future__ import annotations

from llmplan.arrays.quantities import Number
from llmplan.arrays.term import term

BACKWARD_MOVED = 1.5
"""Elements that the backward pass of a memory-bound kernel moves, against its forward pass: the gradient that comes in
and the saved input are read, the gradient that goes out is written: three against two.
"""


@term(
    "launch + moved * traffic / bandwidth",
    unit="s",
    source="latency + size / bandwidth; `traffic` is what the framework moves against kernels that fuse all they can",
)
def moved_seconds(moved: Number, traffic: float, bandwidth: float, launch: float) -> Number:
    """Norms, residuals and activation functions do next to no arithmetic, so that memory binds."""
    return launch + moved * traffic / bandwidth
