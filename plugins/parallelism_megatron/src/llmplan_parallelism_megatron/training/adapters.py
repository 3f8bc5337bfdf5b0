"""LoRA and QLoRA: which matrices have adapters, what these cost beside the frozen ones, and what 4 bits take.

Adapters of A, k x r, and B, r x n, beside frozen matrices of k x n (Hu et al. 2021, arXiv:2106.09685, section 4.1).
"""

from __future__ import annotations

from collections.abc import Sequence

from llmplan.arrays.quantities import Number, total
from llmplan.arrays.term import term
from llmplan.records import Block, Gemm, Operator, TrainingPlan, Tuning
from llmplan_parallelism_megatron.kernels.elementwise import reading_seconds
from llmplan_parallelism_megatron.rank import Rank

SIXTEEN_BIT_BYTES = 2.0
_MATRICES = {
    "query projection": ("q",),
    "key and value projection": ("k", "v"),
    "output projection": ("o",),
    "down projection": ("down",),
}
"""By operator, the words of the matrices that stand side by side in it; ``up`` is any other of an MLP."""
TARGETS = ("attention", "mlp", "q", "k", "v", "o", "up", "down")
"""Words of `--lora-targets`: parts of a layer, or matrices of them."""


def adapted(operator: Operator, plan: TrainingPlan) -> float:
    """Of the matrices of an operator, how many have adapters."""
    if plan.tuning is Tuning.FULL or operator.gemm is None:
        return 0.0
    matrices, targets = operator.gemm.matrices, plan.lora_targets
    if not targets or operator.part in targets:
        return matrices
    words = _MATRICES.get(operator.name, ("up",) if operator.part == "mlp" else ())
    return matrices * sum(word in targets for word in words) / max(len(words), 1)


def adapter_parameters(block: Block, rank: Rank, *, routed: bool) -> Number:
    """Those of LoRA in one layer, in routed experts or outside of them; none where all weights train."""
    return total(
        operator.gemm.groups
        * lora_parameters(
            rank.plan.lora_rank,
            adapted(operator, rank.plan) * operator.gemm.n / operator.gemm.matrices,
            adapted(operator, rank.plan),
            operator.gemm.k,
        )
        for operator in block.operators
        if operator.gemm is not None and operator.gemm.routed is routed
    )


@term("r * (n + matrices * k)", unit="parameters", source="Hu et al. 2021, arXiv:2106.09685, section 4.1")
def lora_parameters(r: int, n: Number, matrices: float, k: Number) -> Number:
    """LoRA puts two thin matrices, k x r and r x n, beside each frozen one."""
    return r * (n + matrices * k)


def frozen_bytes(plan: TrainingPlan) -> float:
    """Of a weight of the layers: as asked, 4 bits with their scales under QLoRA, else as the dtype holds it."""
    usual = plan.framework.frozen_bits if plan.tuning is Tuning.QLORA else plan.dtype.held_bits
    bits: float = usual if plan.tuning is Tuning.FULL else plan.setting("frozen_bits", usual)
    return bits / 8


def adapter_bytes(plan: TrainingPlan) -> float:
    """Of a weight of the adapters, which has 16 bits where those of the model have fewer."""
    held = plan.dtype.held_bits / 8
    return held if plan.tuning is Tuning.FULL else max(held, SIXTEEN_BIT_BYTES)


def widens(plan: TrainingPlan) -> bool:
    """Whether frozen weights are held in fewer bits than multiplications read."""
    reads = min(plan.dtype.weight_bits, plan.dtype.activation_bits) / 8
    return plan.tuning is not Tuning.FULL and frozen_bytes(plan) < min(reads, plan.dtype.held_bits / 8)


def adapter_seconds(operators: Sequence[Operator], gemm: Gemm, rank: Rank) -> Number:
    """Y += (X A) B with A of k x r and B of r x n, of the matrices that have them, and what moves beside both."""
    plan, by, width = rank.plan, rank.kernels.wide, SIXTEEN_BIT_BYTES
    matrices = sum(adapted(operator, plan) for operator in operators)
    columns = total(adapted(one, plan) * one.gemm.n / one.gemm.matrices for one in operators if one.gemm is not None)
    if not matrices:
        return 0.0
    down = by.seconds(gemm.m, matrices * float(plan.lora_rank), gemm.k, gemm.groups, width, width)
    return down + by.seconds(gemm.m, columns, float(plan.lora_rank), gemm.groups, width, width)


def beside_adapter_seconds(operators: Sequence[Operator], gemm: Gemm, rank: Rank) -> Number:
    """What the program moves beside the multiplications of adapters, of each matrix that shares the input."""
    plan, framework = rank.plan, rank.plan.framework
    moved: Number = 0.0
    for operator in operators:
        if operator.gemm is not None:
            matrices = adapted(operator, plan)
            written = matrices * operator.gemm.n / operator.gemm.matrices
            moved = moved + matrices * gemm.k * framework.adapter_input_bytes
            moved = moved + written * framework.adapter_output_bytes
    return gemm.groups * gemm.m * moved / rank.kernels.bytes_per_second


def widening_seconds(gemm: Gemm, rank: Rank) -> Number:
    """Frozen weights of fewer bits are read and written in 16 before each multiplication (torchao, bitsandbytes)."""
    framework = rank.plan.framework
    if not widens(rank.plan):
        return 0.0
    each = frozen_bytes(rank.plan) + SIXTEEN_BIT_BYTES * framework.widened_copies + framework.widening_bytes
    return reading_seconds(gemm.groups * gemm.n * gemm.k, each, rank.kernels.bytes_per_second)


def adapters_kept(operator: Operator, rank: Rank) -> Number:
    """Bytes that adapters keep of what they read (dropped out, and the mask) and of what they add to.

    None of a matrix without adapters is kept for its gradient, but under QLoRA where the program saves inputs anyway.
    """
    plan, framework, gemm = rank.plan, rank.plan.framework, operator.gemm
    assert gemm is not None  # noqa: S101 - the caller has looked
    matrices = adapted(operator, plan)
    read = min(matrices, 1.0) if framework.fused_qkv and operator.part == "attention" else matrices
    if framework.adapters_share:
        read = 0.0 if gemm.joins or operator.name == "down projection" else min(matrices, 1.0)
    elif gemm.joins and framework.fused_qkv:
        read = 0.0  # the fused projection has one adapter input
    kept = read * gemm.k * framework.adapter_input_kept_bytes
    kept = kept + matrices * gemm.n / gemm.matrices * framework.adapter_output_kept_bytes
    return gemm.groups * gemm.m * kept
