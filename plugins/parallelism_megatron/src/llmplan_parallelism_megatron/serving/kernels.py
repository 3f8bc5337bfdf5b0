"""Seconds of an engine's kernels on one rank: each max(FLOPs / achieved rate, bytes / achieved bandwidth), and launch.

Every kernel says what it waited for: ``compute``, ``weights``, ``kv_cache``, ``activations`` or ``launch``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from math import inf

from attrs import evolve, frozen

from llmplan.arrays.quantities import Number, maximum, total, where
from llmplan.arrays.term import term
from llmplan.records import (
    AttentionCurve,
    CollectiveCurve,
    DecodeCurve,
    DTypeRule,
    Efficiency,
    EngineProfile,
    FrameworkProfile,
    Gemm,
    GemmCurve,
    HardwareProfile,
    InferencePlan,
    KernelCurves,
    NumberFormat,
    State,
)
from llmplan_parallelism_megatron.kernels.attention import UNFUSED_LAUNCHES
from llmplan_parallelism_megatron.kernels.elementwise import ROOFLINE, moved_seconds, reading_seconds
from llmplan_parallelism_megatron.kernels.reached import Kernels, attention_kernel, curves_of, kernels_of
from llmplan_parallelism_megatron.serving.streaming import cycle_bytes, streaming_bytes_per_second

SIXTEEN_BITS = 16.0
"""What flows between kernels: no engine keeps the residual stream in fewer, and attention multiplies in as many."""
_FORMAT_BITS = {"int4": 4.0, "fp4": 4.0, "int8": 8.0, "fp8": 8.0, "tf32": 32.0, "fp32": 32.0}
_LEAST_WIDENED = 6.0
"""Bits of a weight from which kernels widen it as one of 8 bits; fewer as one of 4."""
WEIGHTS, EXPERTS, KV = "weights", "experts", "kv"
"""What may wait in host memory."""
_PAGED = "paged"
"""As engines time it, which is what one without a word has too."""
_IDEAL = FrameworkProfile(name="ideal")


@frozen(eq=False, repr=False)
class Waits:
    """Seconds of a kernel, and what it waited for."""

    seconds: Number
    by: Mapping[str, Number]


def _waits(launch: Number, computing: Number, **moving: Number) -> Waits:
    """For its computation, or for all that it moves, whichever takes longer; and for its launch."""
    moved = total(moving.values())
    bound = computing >= moved
    return Waits(
        kernel_seconds(launch, computing, moved),
        {
            "compute": where(bound, computing, 0.0),
            **{name: where(bound, 0.0, seconds) for name, seconds in moving.items()},
            "launch": launch,
        },
    )


@term("launch + max(computing, moving)", unit="s", source=ROOFLINE)
def kernel_seconds(launch: Number, computing: Number, moving: Number) -> Number:
    """A kernel computes while it moves data, so that the slower of the two binds: computation for prompts, reading
    weights or the cache for decoding.
    """
    return launch + maximum(computing, moving)


@term("g * m * (k * operand_bytes + n * output_bytes) / bandwidth", unit="s", source=ROOFLINE)
def moving_seconds(
    g: Number, m: Number, k: Number, operand_bytes: float, n: Number, output_bytes: float, bandwidth: float
) -> Number:
    """Activations come into a multiplication and leave it."""
    return g * m * (k * operand_bytes + n * output_bytes) / bandwidth


@frozen(eq=False, repr=False)
class Multiplier:
    """How one kind of weights is multiplied."""

    curve: GemmCurve
    flops: float
    """Peak of the format, at the engine's rate."""
    weight_bytes: float
    """Of a weight, with its part of the scales."""
    operand_bytes: float
    """Of an activation as it is multiplied."""
    bytes_per_second: float
    """At which weights come in: memory's, or what the cores take."""
    widened_rows: float = inf
    """Beyond these weights are written out in 16 bits first."""


@frozen(eq=False, repr=False)
class ServingKernels:
    """What kernels of one accelerator, number format and engine reach, and how wide operands are."""

    links: Kernels
    """For collectives."""
    engine: EngineProfile
    dense: Multiplier
    """Of layers outside of routed experts."""
    experts: Multiplier
    attention: Multiplier
    """Of the matrices around attention, which some checkpoints leave in 16 bits."""
    head: Multiplier
    """Of the output head, which keeps 16 bits where layers multiply in fewer."""
    prefill: AttentionCurve
    attention_flops: float
    decode: DecodeCurve
    memory_bytes_per_second: float
    """At the engine's rate."""
    cache_bytes_per_second: float
    """At which the cache comes in."""
    all_reduce: CollectiveCurve | None
    bytes_per_second: float
    launch_seconds: float
    """Of a kernel that only moves data."""
    stream_bytes: float
    """Of an activation between kernels."""
    cache_bytes: float
    """Of an element of the KV cache."""
    elements_per_second: float
    """Of keys and values, that the cores work on for query heads that share no reading."""


def serving_kernels(plan: InferencePlan) -> ServingKernels:
    """The kernels that a plan of serving runs."""
    reached = _serving_kernels(plan.hardware, plan.engine, plan.gemm, plan.efficiency, plan.dtype, plan.kv_bits)
    return _offloaded(reached, plan) if plan.offload else reached


def _offloaded(kernels: ServingKernels, plan: InferencePlan) -> ServingKernels:
    """What waits in host memory comes in over the host link, however fast memory is."""
    link = plan.hardware.host_bytes_per_second or inf

    def slower(by: Multiplier) -> Multiplier:
        return evolve(by, bytes_per_second=min(by.bytes_per_second, link))

    if plan.offload == KV:
        return evolve(kernels, cache_bytes_per_second=min(kernels.cache_bytes_per_second, link))
    experts = evolve(kernels, experts=slower(kernels.experts))
    if plan.offload == EXPERTS:
        return experts
    dense, attention, head = slower(kernels.dense), slower(kernels.attention), slower(kernels.head)
    return evolve(experts, dense=dense, attention=attention, head=head)


@lru_cache(maxsize=256)
def _serving_kernels(
    hardware: HardwareProfile,
    engine: EngineProfile,
    gemm: NumberFormat,
    efficiency: Efficiency,
    dtype: DTypeRule,
    kv_bits: float,
) -> ServingKernels:
    curves = curves_of(efficiency, gemm.name)
    links = kernels_of(hardware, _IDEAL, gemm, evolve(efficiency, curves=evolve(curves, sustained={})))
    stream = max(dtype.activation_bits, SIXTEEN_BITS) / 8
    shared = engine.launch_share
    decode, bandwidth = _decode(curves), hardware.memory_bytes_per_second * engine.memory_rate
    serving, prefill = curves.serving, _prefill(curves, engine)

    sums = (hardware.fp16_sum_rate or 1.0) if engine.sums_in_16_bits and gemm.name == "fp16" else 1.0
    peak = links.narrow.peak_flops * sums

    def layers(bits: float) -> Multiplier:
        width = _format_bits(gemm)
        widened = _widening_seconds(bits, width, curves)
        curve = _narrow(links, engine)
        launch = shared * (curve.launch_seconds + widened)
        scales = dtype.scale_bits if bits == dtype.weight_bits else 0.0
        return Multiplier(
            evolve(curve, launch_seconds=launch),
            peak * engine.gemm_rate,
            (bits + scales) / 8,
            min(width, dtype.activation_bits) / 8,
            streaming_bytes_per_second(bandwidth * curves.hbm, cycle_bytes(engine, bits), hardware),
            float(engine.widened_rows) if engine.widened_rows and bits < SIXTEEN_BITS else inf,
        )

    wide_curve = evolve(links.wide.curve, launch_seconds=links.wide.curve.launch_seconds * shared)

    def wide(bits: float) -> Multiplier:
        rate = streaming_bytes_per_second(bandwidth * curves.hbm, cycle_bytes(engine, bits), hardware)
        return Multiplier(wide_curve, links.wide.peak_flops * engine.gemm_rate, bits / 8, stream, rate)

    dense = layers(dtype.weight_bits)
    return ServingKernels(
        links=links,
        engine=engine,
        dense=dense,
        experts=layers(dtype.expert_bits or dtype.weight_bits),
        attention=dense if dtype.attention_bits is None else wide(dtype.attention_bits),
        head=wide(dtype.embedding_bits),
        prefill=evolve(prefill, launch_seconds=prefill.launch_seconds * shared),
        attention_flops=links.attention_flops,
        decode=evolve(decode, launch_seconds=decode.launch_seconds * shared),
        memory_bytes_per_second=bandwidth,
        cache_bytes_per_second=bandwidth,
        all_reduce=serving.all_reduce if serving is not None and engine.custom_all_reduce else None,
        bytes_per_second=bandwidth * curves.hbm,
        launch_seconds=curves.launch_seconds * shared,
        stream_bytes=stream,
        cache_bytes=kv_bits / 8,
        elements_per_second=engine.cycle_elements * (hardware.sm_count or 0) * (hardware.clock_hertz or 0.0) or inf,
    )


def _format_bits(gemm: NumberFormat) -> float:
    return _FORMAT_BITS.get(gemm.name, SIXTEEN_BITS)


def _narrow(links: Kernels, engine: EngineProfile) -> GemmCurve:
    """Without the quantisation of activations, n-th part of the work and launched with it, where others' kernels do it.

    Formats of fewer than 16 bits were timed with it.
    """
    narrow, wide = links.narrow.curve, links.wide.curve
    if narrow is wide or not engine.fuses_quantisation:
        return narrow
    return evolve(narrow, half_n=wide.half_n, launch_seconds=wide.launch_seconds)


def _decode(curves: KernelCurves) -> DecodeCurve:
    return DecodeCurve(plateau=curves.hbm) if curves.serving is None else curves.serving.decode


def _prefill(curves: KernelCurves, engine: EngineProfile) -> AttentionCurve:
    """As engines time it, or of a generation of kernels by itself."""
    if engine.attention in (None, _PAGED) and curves.serving is not None:
        return curves.serving.prefill
    return attention_kernel(curves, None if engine.attention == _PAGED else engine.attention).forward


def _widening_seconds(weight_bits: float, format_bits: float, curves: KernelCurves) -> float:
    """Where weights have fewer bits than the format that they are multiplied in."""
    if curves.serving is None or weight_bits >= min(format_bits, SIXTEEN_BITS):
        return 0.0
    return curves.serving.widening_seconds.get("8" if weight_bits > _LEAST_WIDENED else "4", 0.0)


def multiply(gemm: Gemm, weights: Number, kernels: ServingKernels, by: Multiplier) -> Waits:
    """Multiplications by weights, of which so many elements are read."""
    curve = by.curve
    m, n, k, g = gemm.m, gemm.n, gemm.k, gemm.groups
    widens = m > by.widened_rows
    each = where(widens, SIXTEEN_BITS / 8, by.weight_bytes)
    waits = _waits(
        curve.launch_seconds,
        curve.computing_seconds(m, n, k, g, by.flops),
        weights=reading_seconds(weights, each, where(widens, kernels.bytes_per_second, by.bytes_per_second)),
        activations=moving_seconds(g, m, k, by.operand_bytes, n, kernels.stream_bytes, kernels.bytes_per_second),
    )
    if by.widened_rows == inf:
        return waits
    widening = reading_seconds(weights, by.weight_bytes + SIXTEEN_BITS / 8, kernels.bytes_per_second)
    before = where(widens, widening + kernels.launch_seconds, 0.0)
    return Waits(waits.seconds + before, {**waits.by, "weights": waits.by["weights"] + before})


def move(elements: Number, kernels: ServingKernels, width: float, *, launched: bool = True) -> Waits:
    """A kernel that only moves data, or what another one moves beside its own work."""
    traffic, bandwidth = kernels.engine.elementwise_traffic, kernels.bytes_per_second
    launch = kernels.launch_seconds if launched else 0.0
    seconds = moved_seconds(elements * width, traffic, bandwidth, launch)
    return Waits(seconds, {"activations": seconds - launch, "launch": launch})


def attend(flops: Number, tokens: Number, head_dim: Number, cache: Number, kernels: ServingKernels) -> Waits:
    """Of prompts: FLOPs of the part that the mask leaves at the curve's rate, or reading the cache once."""
    curve, decode = kernels.prefill, kernels.decode
    rate = curve.flops_per_second(tokens, head_dim, kernels.attention_flops)
    bandwidth = kernels.cache_bytes_per_second * decode.plateau
    return _waits(
        where(flops > 0, curve.launch_seconds, 0.0),
        flops_seconds(flops, rate),
        kv_cache=reading_seconds(cache, kernels.cache_bytes, bandwidth),
    )


def attend_unfused(flops: Number, scores: Number, tokens: Number, head_dim: Number, kernels: ServingKernels) -> Waits:
    """Of prompts, by batched multiplications over the whole square, whose scores go to memory and back."""
    rate = kernels.head.curve.batched_flops_per_second(tokens, head_dim, kernels.head.flops)
    return _waits(
        where(flops > 0, UNFUSED_LAUNCHES * kernels.launch_seconds, 0.0),
        flops_seconds(flops, rate),
        activations=reading_seconds(scores, kernels.engine.score_bytes, kernels.bytes_per_second),
    )


@term("flops / rate", unit="s", source=ROOFLINE)
def flops_seconds(flops: Number, rate: Number) -> Number:
    """Attention over prompts is bound by computation, which grows with the square of their length."""
    return flops / rate


def state_bytes(state: State, kernels: ServingKernels) -> float:
    """Of an element of a recurrent state: its own width, or what flows between kernels."""
    return kernels.stream_bytes if state.bits is None else state.bits / 8


def look_back(cache: Number, keys: Number, flops: Number, kernels: ServingKernels, one_by_one: Number = 0.0) -> Waits:
    """Of decoding: reading so many elements of the cache, or its keys one by one, or the elements of query heads that
    share no reading, or computing at what large prompts reach.
    """
    reading = kernels.decode.reading_seconds(cache * kernels.cache_bytes, kernels.cache_bytes_per_second)
    reading = maximum(reading, where(cache > 0, keys * kernels.engine.cache_token_seconds, 0.0))
    reading = maximum(reading, core_bound_seconds(one_by_one, kernels.elements_per_second))
    computing = flops_seconds(flops, kernels.attention_flops * kernels.prefill.plateau)
    return _waits(where(cache > 0, kernels.decode.launch_seconds, 0.0), computing, kv_cache=reading)


@term("elements / cores_rate", unit="s", source="TensorRT-LLM 0.5, decoderMaskedMultiheadAttentionTemplate.h")
def core_bound_seconds(elements: Number, cores_rate: float) -> Number:
    """Masked multi-head attention reads keys and values for each query head, from caches where heads share them, so
    that the cores bind.
    """
    return elements / cores_rate
