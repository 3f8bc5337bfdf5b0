"""What an iteration takes at the printed peaks: no run is faster, whatever its program does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmplan.arrays.quantities import Number, maximum, total
from llmplan.arrays.term import term
from llmplan_parallelism_megatron.kernels.elementwise import ROOFLINE
from llmplan_parallelism_megatron.rank import Rank
from llmplan_parallelism_megatron.training.adapters import frozen_bytes

if TYPE_CHECKING:
    from llmplan.estimate import TrainingEstimate

PASSES = 2.0
"""That read weights: forward, and backward for the gradients of inputs."""


def ideal_seconds(estimate: TrainingEstimate) -> Number:
    """Only what a causal mask leaves is computed, nothing again, and weights alone are read.

    Those of experts may rest, so that they do not count.
    """
    plan = estimate.plan
    layers = Rank.of(plan).model.layers
    dense = total(block.count * (block.parameters - block.expert_parameters) for block in layers) / plan.layout.pp
    each = min(frozen_bytes(plan), plan.dtype.weight_bits / 8)
    peak = plan.layout.gpus * plan.gemm.peak_flops
    moved = plan.gradient_accumulation * PASSES * dense * each
    return roofline_seconds(estimate.causal_flops, peak, moved, plan.hardware.memory_bytes_per_second)


@term("max(flops / peak, moved / bandwidth)", unit="s", source=ROOFLINE)
def roofline_seconds(flops: Number, peak: Number, moved: Number, bandwidth: float) -> Number:
    """An iteration takes as long as its FLOPs at the peak of all accelerators, or as reading the weights of a stage."""
    return maximum(flops / peak, moved / bandwidth)
