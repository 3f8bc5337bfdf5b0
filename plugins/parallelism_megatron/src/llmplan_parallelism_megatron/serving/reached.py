"""What the kernels of one accelerator reach in the hands of an engine, and how wide their operands are."""

from __future__ import annotations

from functools import lru_cache
from math import inf

from attrs import evolve, frozen

from llmplan.records import (
    AttentionCurve,
    CollectiveCurve,
    DecodeCurve,
    DTypeRule,
    Efficiency,
    EngineProfile,
    FrameworkProfile,
    GemmCurve,
    HardwareProfile,
    InferencePlan,
    KernelCurves,
    NumberFormat,
)
from llmplan.units import GIGA
from llmplan_parallelism_megatron.kernels.reached import Kernels, attention_kernel, curves_of, kernels_of
from llmplan_parallelism_megatron.serving.streaming import cycle_bytes, streaming_bytes_per_second

SIXTEEN_BITS = 16.0
"""What flows between kernels: no engine keeps the residual stream in fewer, and attention multiplies in as many."""
_FORMAT_BITS = {"int4": 4.0, "fp4": 4.0, "int8": 8.0, "fp8": 8.0, "tf32": 32.0, "fp32": 32.0}
_LEAST_WIDENED = 6.0
"""Bits of a weight from which kernels widen it as one of 8 bits; fewer as one of 4."""
WEIGHTS, EXPERTS, KV = "weights", "experts", "kv"
"""What may wait in host memory."""
SERVER_GIGABYTES, DESKTOP_GIGABYTES, _OF_A_DESKTOP = 25.0, 45.0, 2
"""A second: of 16 channels of DDR4-3200 over eight accelerators, of two of DDR5-5600; half of it is reached."""
_PAGED = "paged"
"""As engines time it, which is what one without a word has too."""
_HEAD_ELEMENTS = 128.0
_CLOCK_HERTZ = 1.5e9
"""Of accelerators whose records have none."""
_IDEAL = FrameworkProfile(name="ideal")


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
    host_bytes_per_second: float = 0.0
    """At which the host goes through weights that it holds and multiplies itself; 0 where it does not."""


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
    key_seconds: float
    """Of an element of a head, where one core goes through the cache of a sequence; 0 where cores share it."""


def serving_kernels(plan: InferencePlan) -> ServingKernels:
    """The kernels that a plan of serving runs."""
    reached = _serving_kernels(plan.hardware, plan.engine, plan.gemm, plan.efficiency, plan.dtype, plan.kv_bits)
    return _offloaded(reached, plan) if plan.offload else reached


def _offloaded(kernels: ServingKernels, plan: InferencePlan) -> ServingKernels:
    """What waits in host memory comes in over the host link, however fast memory is."""
    link = plan.hardware.host_bytes_per_second or inf
    own = GIGA * float(plan.setting("host_bandwidth", _host_gigabytes(plan))) if plan.engine.host_rows else 0.0

    def slower(by: Multiplier) -> Multiplier:
        return evolve(by, bytes_per_second=min(by.bytes_per_second, link), host_bytes_per_second=own)

    if plan.offload == KV:
        return evolve(kernels, cache_bytes_per_second=min(kernels.cache_bytes_per_second, link))
    experts = evolve(kernels, experts=slower(kernels.experts))
    if plan.offload == EXPERTS:
        return experts
    dense, attention, head = slower(kernels.dense), slower(kernels.attention), slower(kernels.head)
    return evolve(experts, dense=dense, attention=attention, head=head)


def _host_gigabytes(plan: InferencePlan) -> float:
    """An accelerator's share of a server's two sockets, or of a desktop's two channels: half of what they have."""
    return (
        SERVER_GIGABYTES
        if plan.hardware.cluster.node > _OF_A_DESKTOP
        else DESKTOP_GIGABYTES / plan.hardware.cluster.node
    )


@frozen(eq=False, repr=False)
class _Weights:
    """Multipliers of one engine and number format, for weights of any bits."""

    links: Kernels
    engine: EngineProfile
    dtype: DTypeRule
    gemm: NumberFormat
    curves: KernelCurves
    bytes_per_second: float
    """Of memory, as kernels of the engine reach it."""

    def streaming(self, bits: float) -> float:
        """Bytes a second at which weights of so many bits come in."""
        each = cycle_bytes(self.engine, bits)
        return streaming_bytes_per_second(self.bytes_per_second, each, self.links.hardware)

    def layers(self, bits: float) -> Multiplier:
        """In the number format of the layers."""
        engine, hardware, width = self.engine, self.links.hardware, _FORMAT_BITS.get(self.gemm.name, SIXTEEN_BITS)
        sums = (hardware.fp16_sum_rate or 1.0) if engine.sums_in_16_bits and self.gemm.name == "fp16" else 1.0
        curve = _narrow(self.links, engine, self.dtype)
        launch = engine.launch_share * (curve.launch_seconds + _widening_seconds(bits, width, self.curves))
        scales = self.dtype.scale_bits if bits == self.dtype.weight_bits else 0.0
        return Multiplier(
            evolve(curve, launch_seconds=launch),
            self.links.narrow.peak_flops * sums * engine.gemm_rate,
            (bits + scales) / 8,
            min(width, self.dtype.activation_bits) / 8,
            self.streaming(bits),
            float(engine.widened_rows) if engine.widened_rows and bits < SIXTEEN_BITS else inf,
        )

    def wide(self, bits: float, stream_bytes: float) -> Multiplier:
        """In 16 bits, where layers may multiply in fewer."""
        curve, flops = self.links.wide.curve, self.links.wide.peak_flops * self.engine.gemm_rate
        launched = evolve(curve, launch_seconds=curve.launch_seconds * self.engine.launch_share)
        return Multiplier(launched, flops, bits / 8, stream_bytes, self.streaming(bits))


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
    stream, shared = max(dtype.activation_bits, SIXTEEN_BITS) / 8, engine.launch_share
    bandwidth, serving = hardware.memory_bytes_per_second * engine.memory_rate, curves.serving
    decode, prefill = _decode(curves), _prefill(curves, engine)
    weights = _Weights(links, engine, dtype, gemm, curves, bandwidth * curves.hbm)
    dense = weights.layers(dtype.weight_bits)
    return ServingKernels(
        links=links,
        engine=engine,
        dense=dense,
        experts=weights.layers(dtype.expert_bits or dtype.weight_bits),
        attention=dense if dtype.attention_bits is None else weights.wide(dtype.attention_bits, stream),
        head=weights.wide(dtype.embedding_bits, stream),
        prefill=evolve(prefill, launch_seconds=prefill.launch_seconds * shared),
        attention_flops=links.attention_flops,
        decode=evolve(decode, launch_seconds=decode.launch_seconds * shared),
        memory_bytes_per_second=bandwidth,
        cache_bytes_per_second=bandwidth,
        all_reduce=serving.all_reduce if serving is not None and engine.custom_all_reduce else None,
        bytes_per_second=weights.bytes_per_second,
        launch_seconds=curves.launch_seconds * shared,
        stream_bytes=stream,
        cache_bytes=kv_bits / 8,
        elements_per_second=engine.cycle_elements * (hardware.sm_count or 0) * (hardware.clock_hertz or 0.0) or inf,
        key_seconds=engine.cache_token_cycles / _HEAD_ELEMENTS / (hardware.clock_hertz or _CLOCK_HERTZ),
    )


def _narrow(links: Kernels, engine: EngineProfile, dtype: DTypeRule) -> GemmCurve:
    """Without the quantisation of activations, n-th part of the work and launched with it, where others' kernels do it,
    which have to know the scales for that.

    Formats of fewer than 16 bits were timed with it.
    """
    narrow, wide = links.narrow.curve, links.wide.curve
    if narrow is wide or dtype.dynamic_scales or not engine.fuses_quantisation:
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
