"""Kernels that only move data: norms, residuals, rotations, activation functions, the loss."""

from __future__ import annotations

from llmplan.arrays.quantities import Number
from llmplan_parallelism_megatron.kernels.reached import Kernels

BACKWARD_MOVED = 1.5
"""Elements that the backward pass of a memory-bound kernel moves, against its forward pass: the gradient that comes in
and the saved input are read, the gradient that goes out is written: three against two.
"""


def moved_seconds(moved_bytes: Number, kernels: Kernels) -> Number:
    """Launch + bytes / bandwidth."""
    return (
        kernels.curves.launch_seconds + moved_bytes * kernels.framework.elementwise_traffic / kernels.bytes_per_second
    )
