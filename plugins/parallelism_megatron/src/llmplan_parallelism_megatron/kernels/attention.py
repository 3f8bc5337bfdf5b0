"""Attention of one layer on one rank, forward and backward: one fused kernel, or several over the whole square."""

from __future__ import annotations

from llmplan.arrays.quantities import Number, maximum
from llmplan.arrays.term import term
from llmplan.records import Scores, TrainingPlan
from llmplan_parallelism_megatron.kernels.reached import Kernels

BACKWARD_FLOPS = 2.5
"""FLOPs of a fused attention kernel's backward pass, against its forward pass: five products against two, since the
scores are made again (Dao 2023, arXiv:2307.08691, section 3.1).
"""
SCORE_BYTES, SCORE_DROPOUT_BYTES = 8.0, 5.0
"""Of one attention score in the forward pass of unfused kernels, in 16 bits: written by QK^T, read and written by the
softmax, read by the product with V; dropout reads and writes it again, and writes a mask of one byte (Korthikanti et
al. 2022, arXiv:2205.05198, section 4.1, lists what is kept of them).
"""
SCORE_BACKWARD_BYTES, SCORE_DROPOUT_BACKWARD_BYTES = 14.0, 5.0
"""The same in the backward pass: dV reads the probabilities, dP is written, the softmax reads both and writes dS, which
dQ and dK read; dropout reads and writes the gradient, and reads its mask.
"""
UNFUSED_LAUNCHES = 3.0
"""Kernels of an unfused forward pass: QK^T, softmax, the product with V."""


_WITHOUT_FUSED = ("volta",)
"""Architectures that no such kernel is written for (Dao-AILab/flash-attention, README: Ampere or newer)."""
_WITHOUT_SINKS = ("flash-1", "flash-2")
"""Kernels that know no logit of a head beside its scores."""


def is_fused(plan: TrainingPlan) -> bool:
    """Whether attention is one kernel: the framework has it, for this accelerator, and for the model's sinks and
    latents.
    """
    architecture = plan.hardware.architecture
    word = plan.framework.attention_on(architecture)
    sinks = bool(getattr(plan.model, "attention_sinks", False)) and word in _WITHOUT_SINKS
    latents = getattr(plan.model, "mla", None) is not None and architecture in plan.framework.latents_unfused_on
    return word != "unfused" and architecture not in _WITHOUT_FUSED and not sinks and not latents


def fused_seconds(flops: Number, scores: Scores, kernels: Kernels) -> tuple[Number, Number]:
    """Of the forward and of the backward pass, `flops` being those of the part that the mask leaves."""
    forward, backward = kernels.attention.forward, kernels.attention.backward
    s, d, peak = scores.tokens, scores.head_dim, kernels.attention_flops
    return forward.seconds(flops, s, d, peak), backward.seconds(BACKWARD_FLOPS * flops, s, d, peak)


def unfused_seconds(flops: Number, elements: Number, scores: Scores, kernels: Kernels) -> tuple[Number, Number]:
    """Of both passes over the whole square of so many scores."""
    gemm, dropout, bandwidth = kernels.wide, kernels.framework.dropout, kernels.bytes_per_second
    rate = gemm.curve.batched_flops_per_second(scores.tokens, scores.head_dim, gemm.peak_flops)
    moved = elements * (SCORE_BYTES + dropout * SCORE_DROPOUT_BYTES)
    moved_back = elements * (SCORE_BACKWARD_BYTES + dropout * SCORE_DROPOUT_BACKWARD_BYTES)
    launches = (UNFUSED_LAUNCHES + dropout) * kernels.curves.launch_seconds
    forward = square_seconds(flops, rate, moved, bandwidth, launches)
    return forward, square_seconds(2.0 * flops, rate, moved_back, bandwidth, 2.0 * launches)


@term(
    "launches + max(flops / rate, moved / bandwidth)",
    unit="s",
    source="Korthikanti et al. 2022, arXiv:2205.05198, section 4.1, for what is moved",
)
def square_seconds(flops: Number, rate: Number, moved: Number, bandwidth: float, launches: float) -> Number:
    """Unfused attention multiplies the whole square of scores and sends it to memory and back, which binds long before
    computation does.
    """
    return launches + maximum(flops / rate, moved / bandwidth)
