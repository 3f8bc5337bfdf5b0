"""Norms, and the matrices at the ends of a model."""

from __future__ import annotations

from llmplan.arrays.quantities import Number
from llmplan.records.model import ALWAYS_KEPT, Gemm, Operator, Recompute, Split, Tensor


def end_matrix(name: str, part: str, tokens: Number, shape: tuple[int, int]) -> Operator:
    """A matrix of k x n that every rank holds."""
    k, n = shape
    return Operator(name, part, 2.0 * tokens * k * n, float(k * n), max_ways=1, gemm=Gemm(tokens, n, k))


def norm_operator(name: str, elements: Number, dropped_from: int = Recompute.FULL) -> Operator:
    """The operator of a layer's norm."""
    read = Tensor(elements, Split.SEQUENCE, "norm", dropped_from)
    return Operator(
        name,
        "layernorm",
        inputs=(read,),
        recomputed_from=Recompute.NORM_ATTENTION_NORM,
        moved=2.0 * elements,
        moved_split=Split.SEQUENCE,
    )


def end_norm(name: str, part: str, elements: Number) -> Operator:
    """A norm at an end of the model."""
    read = Tensor(elements, Split.SEQUENCE, "norm", ALWAYS_KEPT)
    return Operator(name, part, inputs=(read,), moved=2.0 * elements, moved_split=Split.SEQUENCE)
