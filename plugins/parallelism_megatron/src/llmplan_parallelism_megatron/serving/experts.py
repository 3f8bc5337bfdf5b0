"""Routed experts as kernels hold them, and how much more than the mean the busiest rank of them has to do."""

from __future__ import annotations

from llmplan.arrays.quantities import Number, ceil, log, maximum, minimum, sqrt
from llmplan.arrays.term import term
from llmplan.records import InferencePlan, LoweredModel, Operator

_UNPADDED_BITS = 8
_NO_COPY = 1e-9


def pad_experts(share: LoweredModel, plan: InferencePlan) -> Number:
    """Widen the experts of a rank to what kernels of few bits take; how much larger they are then."""
    engine, bits = plan.engine, plan.dtype.expert_bits or plan.dtype.weight_bits
    routed = [one for block in share.layers for one in block.operators if one.gemm is not None and one.gemm.routed]
    if not routed or bits >= _UNPADDED_BITS:
        return 1.0
    depth = _padding(routed, engine.expert_multiple, splits_sum=False)
    slices = _padding(routed, engine.expert_slice_multiple, splits_sum=True)
    for operator in routed:
        _pad(operator, depth, slices)
    return depth * slices


def _padding(routed: list[Operator], multiple: int, *, splits_sum: bool) -> Number:
    """Of the side that is summed over: the model's width on the way up, a rank's slice of an expert on the way down."""
    sides = [one.gemm.k for one in routed if one.gemm is not None and one.gemm.splits_sum is splits_sum]
    widest: Number = 1.0
    for side in sides:
        widest = maximum(widest, side)
    return ceil(widest / multiple) * multiple / widest


def _pad(operator: Operator, depth: Number, slices: Number) -> None:
    gemm = operator.gemm
    assert gemm is not None  # noqa: S101 - the caller has looked
    summed, made = (slices, depth) if gemm.splits_sum else (depth, slices)
    gemm.k, gemm.n = gemm.k * summed, gemm.n * made
    operator.weights = operator.weights * depth * slices
    if operator.weights_read is not None:
        operator.weights_read = operator.weights_read * depth * slices


def busiest(ranks: Number, copies: Number) -> Number:
    """Of the mean of so many copies of tokens on each rank of experts, what the busiest one has."""
    return minimum(busiest_rank(ranks, maximum(copies, _NO_COPY)), ranks)


@term(
    "1 + sqrt(2 * log(e) / copies)",
    unit="of the mean",
    source='Raab and Steger 1998, "Balls into Bins" - A Simple and Tight Analysis, doi:10.1007/3-540-49543-6_13',
)
def busiest_rank(e: Number, copies: Number) -> Number:
    """Even where tokens choose experts by chance alone, one rank of e gets more than the others, for which all wait."""
    return 1.0 + sqrt(2.0 * log(e) / copies)
