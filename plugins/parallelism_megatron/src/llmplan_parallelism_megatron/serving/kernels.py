"""Seconds of an engine's kernels on one rank: each max(FLOPs / achieved rate, bytes / achieved bandwidth), and launch.

Every kernel says what it waited for: ``compute``, ``weights``, ``kv_cache``, ``activations`` or ``launch``.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

from attrs import frozen

from llmplan.arrays.quantities import Number, Truth, maximum, total, where
from llmplan.arrays.term import term
from llmplan.records import EngineProfile, Gemm, State
from llmplan_parallelism_megatron.kernels.attention import UNFUSED_LAUNCHES
from llmplan_parallelism_megatron.kernels.elementwise import ROOFLINE, moved_seconds, reading_seconds
from llmplan_parallelism_megatron.serving.reached import SIXTEEN_BITS, Multiplier, ServingKernels


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


def multiply(
    gemm: Gemm, weights: Number, kernels: ServingKernels, by: Multiplier, tokens: Number | None = None
) -> Waits:
    """Multiplications by weights, of which so many elements are read, of so many tokens."""
    curve = by.curve
    m, n, k, g = gemm.m, gemm.n, gemm.k, gemm.groups
    widens = m > by.widened_rows
    each = where(widens, SIXTEEN_BITS / 8, by.weight_bytes)
    read = weights * readings(m, kernels.engine, by)
    waits = _waits(
        curve.launch_seconds,
        curve.computing_seconds(m, n, k, g, by.flops),
        weights=reading_seconds(read, each, _weights_rate(widens, m if tokens is None else tokens, kernels, by)),
        activations=moving_seconds(g, m, k, by.operand_bytes, n, kernels.stream_bytes, kernels.bytes_per_second),
    )
    if by.widened_rows == inf:
        return waits
    widening = reading_seconds(weights, by.weight_bytes + SIXTEEN_BITS / 8, kernels.bytes_per_second)
    before = where(widens, widening + kernels.launch_seconds, 0.0)
    return Waits(waits.seconds + before, {**waits.by, "weights": waits.by["weights"] + before})


def _weights_rate(widens: Truth, tokens: Number, kernels: ServingKernels, by: Multiplier) -> Number:
    """Bytes a second at which weights come in."""
    here = where(widens, kernels.bytes_per_second, by.bytes_per_second)
    if not by.host_bytes_per_second:
        return here
    return where(tokens > kernels.engine.host_rows, here, by.host_bytes_per_second)


def readings(rows: Number, engine: EngineProfile, by: Multiplier) -> Number:
    """Of weights: one for all rows, or again for each of few rows, as far as caches do not catch it."""
    if not engine.reread_rows or by.weight_bytes >= SIXTEEN_BITS / 8:
        return 1.0
    return where(rows > engine.reread_rows, 1.0, 1.0 + (maximum(rows, 1.0) - 1.0) * engine.rereading)


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
    """Of decoding: reading so many elements of the cache, or so many elements of keys one after the other, or the
    elements of query heads that share no reading, or computing at what large prompts reach.
    """
    reading = kernels.decode.reading_seconds(cache * kernels.cache_bytes, kernels.cache_bytes_per_second)
    reading = maximum(reading, where(cache > 0, undivided_seconds(keys, kernels.key_seconds), 0.0))
    reading = maximum(reading, core_bound_seconds(one_by_one, kernels.elements_per_second))
    computing = flops_seconds(flops, kernels.attention_flops * kernels.prefill.plateau)
    return _waits(where(cache > 0, kernels.decode.launch_seconds, 0.0), computing, kv_cache=reading)


@term(
    "elements * each_element",
    unit="s",
    source="vLLM 0.1, csrc/attention/attention_kernels.cu; TensorRT-LLM 0.5, as below",
)
def undivided_seconds(elements: Number, each_element: float) -> Number:
    """Kernels that give each head of a sequence one core go through its cache there, however many cores are idle."""
    return elements * each_element


@term("elements / cores_rate", unit="s", source="TensorRT-LLM 0.5, decoderMaskedMultiheadAttentionTemplate.h")
def core_bound_seconds(elements: Number, cores_rate: float) -> Number:
    """Masked multi-head attention reads keys and values for each query head, from caches where heads share them, so
    that the cores bind.
    """
    return elements / cores_rate
