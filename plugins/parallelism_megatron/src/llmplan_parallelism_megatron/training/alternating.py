"""Selective recomputation operator by operator: what attention and every second multiplication make is kept, all else
is computed again (pytorch/torchtitan, torchtitan/distributed/activation_checkpoint.py: every second mm).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from llmplan.arrays.quantities import Number, total
from llmplan.records import Operator, Recompute
from llmplan_parallelism_megatron.rank import Rank

GATHERED_AGAIN = 0.5
"""Of a layer's collectives: inputs are gathered anew, sums are kept."""


def run_again(operators: Sequence[Operator]) -> Mapping[str, float]:
    """Of each multiplication, by name, the part that runs a second time: of a layer's matrices one after the other the
    second, the fourth and so on.
    """
    parts: dict[str, float] = {}
    before = 0
    for operator in operators:
        if operator.gemm is not None:
            matrices = operator.gemm.matrices
            parts[operator.name] = ((before + matrices) // 2 - before // 2) / matrices
            before += matrices
    return parts


def part_of_kernel(operators: Sequence[Operator], parts: Mapping[str, float]) -> Number:
    """Of multiplications that run as one, by their columns; nothing of attention, whose output is kept."""
    columns = [(operator.gemm.n, parts[operator.name]) for operator in operators if operator.gemm is not None]
    if not columns:
        return 0.0 if operators[0].scores is not None else 1.0
    return total(n * part for n, part in columns) / total(n for n, _ in columns)


def alternating_bytes(operators: Sequence[Operator], rank: Rank) -> Number:
    """Of one layer: its input, what attention makes, and every second product. Eager PyTorch keeps what the policy
    names; a compiled program drops what no gradient reads, sums that go to the residual stream.
    """
    parts, width, attended = run_again(operators), rank.activation_bytes, False
    kept: Number = 0.0
    for operator in operators:
        gemm = operator.gemm
        kept = kept + width * total(one.elements for one in operator.inputs if one.dropped_from > Recompute.FULL)
        if gemm is None:
            attended = attended or operator.scores is not None
            continue
        if attended:
            kept, attended = kept + width * total(one.elements for one in operator.inputs), False
        if rank.plan.framework.eager or not gemm.splits_sum:
            kept = kept + (1.0 - parts[operator.name]) * width * gemm.groups * gemm.m * gemm.n
    return kept
