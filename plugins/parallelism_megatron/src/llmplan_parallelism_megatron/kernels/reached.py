"""Seconds of kernels on one rank: each max(FLOPs / achieved rate, bytes / achieved bandwidth), and its launch."""

from __future__ import annotations

from functools import lru_cache

from attrs import frozen

from llmplan.arrays.quantities import Number, maximum, sqrt
from llmplan.records import (
    AttentionCurve,
    AttentionKernel,
    CollectiveCurve,
    Efficiency,
    FrameworkProfile,
    Gemm,
    GemmCurve,
    HardwareProfile,
    KernelCurves,
    NetworkCurve,
    NumberFormat,
    TrainingPlan,
)

BACKWARD_MOVED = 1.5
"""Elements that the backward pass of a memory-bound kernel moves, against its forward pass: the gradient that comes in
and the saved input are read, the gradient that goes out is written: three against two.
"""
BACKWARD_ATTENTION = 2.5
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
FLASH_1_RATE = 0.5
"""Of FlashAttention-2, which is "around 2x" as fast (Dao 2023, arXiv:2307.08691, abstract)."""
_GENERATIONS = {"unfused": "flash-2", "flash-1": "flash-2"}
"""Whose curve stands in for one without its own."""
_SIXTEEN_BIT = ("bf16", "fp16")


@frozen(eq=False)
class Kernels:
    """What kernels of one accelerator, number format and framework reach."""

    hardware: HardwareProfile
    framework: FrameworkProfile
    narrow: GemmCurve
    narrow_flops: float
    """Peak of the format of the layers' multiplications, as far as a run sustains it."""
    wide: GemmCurve
    wide_flops: float
    """Peak of the format of the output head and of attention: 16 bits where layers multiply in fewer."""
    attention: AttentionKernel
    attention_flops: float
    """Peak of the format of attention, at the rate of the framework's kernel against the curve's."""
    curves: KernelCurves
    bytes_per_second: float
    """Of memory."""
    network_bytes_per_second: float
    """Of one rank beyond its scale-up domain."""


def flat(efficiency: Efficiency, gemm: str) -> KernelCurves:
    """Curves without shape, for efficiencies that the user states."""
    attention = AttentionCurve(plateau=efficiency.flops)
    kernel = AttentionKernel(forward=attention, backward=attention)
    collective = CollectiveCurve(plateau=efficiency.scale_up)
    operations = ("all_reduce", "all_gather", "reduce_scatter", "all_to_all")
    return KernelCurves(
        gemm={gemm: GemmCurve(plateau=efficiency.flops)},
        attention={"flash-2": kernel, "flash-3": kernel},
        hbm=efficiency.hbm,
        collectives=dict.fromkeys(operations, collective),
        network=NetworkCurve(plateau=efficiency.scale_out),
        source=efficiency.source,
    )


@lru_cache(maxsize=256)
def kernels_of(
    hardware: HardwareProfile, framework: FrameworkProfile, gemm: NumberFormat, efficiency: Efficiency
) -> Kernels:
    """Curves of the accelerator, or flat ones where the user states efficiencies."""
    curves = efficiency.curves or flat(efficiency, gemm.name)
    wide = _wide_format(hardware, gemm)
    rates = {name: framework.kernel_rate * curves.sustained.get(name, 1.0) for name in (gemm.name, wide.name)}
    return Kernels(
        hardware,
        framework,
        _curve(curves, gemm.name),
        gemm.peak_flops * rates[gemm.name],
        _curve(curves, wide.name),
        wide.peak_flops * rates[wide.name],
        curves.attention[_GENERATIONS.get(framework.attention, framework.attention)],
        wide.peak_flops * (FLASH_1_RATE if framework.attention == "flash-1" else 1.0),
        curves,
        hardware.memory_bytes_per_second * curves.hbm,
        (hardware.beyond_domain_bytes_per_second or hardware.scale_up_bytes_per_second) * curves.network.plateau,
    )


def kernels(plan: TrainingPlan) -> Kernels:
    """Those of a plan."""
    return kernels_of(plan.hardware, plan.framework, plan.gemm, plan.efficiency)


def _wide_format(hardware: HardwareProfile, gemm: NumberFormat) -> NumberFormat:
    """16 bits where these are slower than the layers' format, which then has fewer; else the layers' own."""
    for name in _SIXTEEN_BIT:
        peak = hardware.peak_flops.get(name)
        if peak is not None and peak < gemm.peak_flops:
            return NumberFormat(name, peak)
    return gemm


def _curve(curves: KernelCurves, name: str) -> GemmCurve:
    """Of the format, else the least that any format reaches."""
    return curves.gemm.get(name) or min(curves.gemm.values(), key=lambda curve: curve.plateau)


def gemm_seconds(
    gemm: tuple[Number, Number, Number, Number], operand_bytes: float, output_bytes: float, *, of: Kernels, wide: bool
) -> Number:
    """Launch + max(2mnk / (peak x curve), bytes / bandwidth) of m x k times k x n, g times side by side."""
    m, n, k, groups = gemm
    curve, peak = (of.wide, of.wide_flops) if wide else (of.narrow, of.narrow_flops)
    tile = sqrt(m * n)
    shape = tile / (tile + curve.half_tile) * (m / (m + curve.half_m)) * (n / (n + curve.half_n))
    rate = peak * curve.plateau * shape * (k / (k + curve.half_k))
    moved = groups * ((m + n) * k * operand_bytes + m * n * output_bytes)
    return curve.launch_seconds + maximum(2.0 * groups * m * n * k / rate, moved / of.bytes_per_second)


def forward_gemm(gemm: Gemm) -> tuple[Number, Number, Number, Number]:
    """Y = X W: m x k times k x n."""
    return gemm.m, gemm.n, gemm.k, gemm.groups


def input_gradient_gemm(gemm: Gemm) -> tuple[Number, Number, Number, Number]:
    """Gradient of inputs: dX = dY W^T: m x n times n x k."""
    return gemm.m, gemm.k, gemm.n, gemm.groups


def weight_gradient_gemm(gemm: Gemm) -> tuple[Number, Number, Number, Number]:
    """Gradient of weights: dW = X^T dY: k x m times m x n."""
    return gemm.k, gemm.n, gemm.m, gemm.groups


def attention_rate(of: Kernels, curve: AttentionCurve, tokens: Number, head_dim: Number) -> Number:
    """FLOP/s of a fused attention kernel."""
    shape = (tokens / (tokens + curve.half_tokens)) * (head_dim / (head_dim + curve.half_head_dim))
    return of.attention_flops * curve.plateau * shape


def batched_rate(of: Kernels, tokens: Number, head_dim: Number) -> Number:
    """FLOP/s of the batched multiplications of unfused attention: m = n = s and k = d, or the other way round."""
    curve = of.wide
    square = tokens / (tokens + curve.half_tile + curve.half_m)
    return of.wide_flops * curve.plateau * square * head_dim / (head_dim + curve.half_k)


def moved_seconds(moved_bytes: Number, of: Kernels) -> Number:
    """Launch + bytes / bandwidth of a kernel that only moves data."""
    return of.curves.launch_seconds + moved_bytes * of.framework.elementwise_traffic / of.bytes_per_second
