"""The head's loss: what programs make of the logits, which decides what fits where vocabularies are large."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from llmplan.arrays.quantities import Number, ceil, minimum, total
from llmplan.arrays.term import term
from llmplan.records import Gemm, TrainingPlan, Tuning
from llmplan_parallelism_megatron.rank import Rank

_SIXTEEN_BIT_BYTES = 2.0
_LIGER = "linkedin/Liger-Kernel, src/liger_kernel/ops/fused_linear_cross_entropy.py"


class Loss(NamedTuple):
    """One way of computing the cross-entropy, with bytes of a logit."""

    kept: float
    """At the peak, of those that are there at once."""
    moved: float
    """Forward and backward, beside the multiplications."""
    in_pieces: bool = False
    """The head multiplies a piece of the tokens at a time, and gradients are made with the loss: logits are never
    whole (Liger's fused linear cross-entropy).
    """
    again: bool = False
    """Logits stay on the chip and are multiplied once more in the backward pass (Wijmans et al. 2024, Cut
    Cross-Entropy, arXiv:2411.09009).
    """
    source: str = ""


LOSSES: Mapping[str, Loss] = {
    "plain": Loss(14.0, 28.0, source="PyTorch: logits in 16 and in 32 bits, log-softmax and gradient, a kernel each"),
    "fused": Loss(2.0, 6.0, source="unslothai/unsloth, unsloth/kernels/cross_entropy_loss.py: the gradient overwrites"),
    "chunked": Loss(4.0, 28.0, source="pytorch/torchtune, modules/loss/ce_chunked_output_loss.py"),
    "linear": Loss(2.0, 4.0, in_pieces=True, source=_LIGER),
    "cut": Loss(0.0, 0.0, again=True, source="Wijmans et al. 2024, arXiv:2411.09009"),
}
"""By the words of `--cross-entropy`."""


def loss_of(plan: TrainingPlan) -> Loss:
    """As asked for, else the framework's, whose bytes of a logit are its own."""
    framework = plan.framework
    usual = LOSSES.get(framework.cross_entropy or "", LOSSES["fused"])
    asked: str | None = plan.setting("cross_entropy", None)
    if asked is not None and asked != framework.cross_entropy:
        return LOSSES[asked]
    return usual._replace(kept=framework.logit_bytes_kept, moved=framework.logit_bytes_moved)


def is_known(plan: TrainingPlan) -> bool:
    """Whether its loss is one of the words."""
    return plan.setting("cross_entropy", None) in (None, *LOSSES)


def logits_of(rank: Rank) -> Number:
    """Logits of a micro-batch on one rank."""
    operators = rank.model.head.operators
    return total(tensor.elements for operator in operators for tensor in operator.inputs if tensor.width == "loss")


def head_gemm(rank: Rank) -> Gemm | None:
    """The multiplication that makes them; None of a head that states no shape."""
    return next((one.gemm for one in rank.model.head.operators if one.gemm is not None), None)


def logits_held_bytes(rank: Rank) -> Number:
    """Of the logits and what the loss makes of them, at their peak, and the states that the head keeps."""
    loss, logits, states = loss_of(rank.plan), logits_of(rank), rank.states * rank.activation_bytes
    gemm = head_gemm(rank)
    if not loss.in_pieces or gemm is None:
        return logit_bytes(states, rank.sequence_ways, logits, loss.kept)
    at_once = minimum(logits, gemm.m * gemm.k)
    weights = gemm.n * gemm.k if rank.plan.tuning is Tuning.FULL else 0.0
    return piece_bytes(states, rank.sequence_ways, at_once, loss.kept, weights)


@term("2 * states / q + logits * each", unit="bytes", source="measured of the framework: `llmplan show FRAMEWORK`")
def logit_bytes(states: Number, q: Number, logits: Number, each: float) -> Number:
    """Logits and what the loss makes of them, at its peak, and the states that the head keeps; large vocabularies bind
    the last stage.
    """
    return 2.0 * states / q + logits * each


@term("3 * states / q + logits * each + 2 * parameters", unit="bytes", source=_LIGER)
def piece_bytes(states: Number, q: Number, logits: Number, each: float, parameters: Number) -> Number:
    """Where the head multiplies pieces of the tokens, as many logits are there at once as the residual stream has
    elements; their gradients are kept, of the states and of the head's weights.
    """
    return 3.0 * states / q + logits * each + 2.0 * parameters


def moved_by_loss(rank: Rank) -> Number:
    """Bytes that the loss moves of a micro-batch, forward and backward; gradients of the head's weights are read and
    written for every piece.
    """
    loss, logits = loss_of(rank.plan), logits_of(rank)
    gemm = head_gemm(rank)
    if not loss.in_pieces or gemm is None or rank.plan.tuning is not Tuning.FULL:
        return logits * loss.moved
    pieces = ceil(gemm.n / gemm.k)
    return logits * loss.moved + (pieces - 1.0) * 2.0 * _SIXTEEN_BIT_BYTES * gemm.n * gemm.k
