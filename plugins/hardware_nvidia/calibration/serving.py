"""Curves of inference engines' kernels. Needs numpy and scipy.

From eff_attention_prefill.csv and eff_attention_decode.csv (TensorRT-LLM; vLLM on the A100), eff_collectives.csv
(the engines' own all-reduce) and eff_gemm.csv (weights of fewer bits than the operand):

- prefill: `AttentionCurve.seconds`, with FLOPs of the causal half and the peak of 16 bits.
- decode: `DecodeCurve.seconds`. The launch, 10 to 15 us, holds a second kernel that joins the parts into which long
  sequences are split. A straight line misses by 8 to 17 %.
- all-reduce: `CollectiveCurve.seconds` by the bytes that a rank reads from all others in one shot, n messages in place
  of a ring's two; vLLM's kernels in two shots where these are faster. Messages with which an engine is not
  `FASTER` than the collective library, which it calls then, are left out. One curve of a ring misses one shot over
  eight ranks by half.
- widening: launch of a weight-only multiplication less that of a 16-bit one, over few rows. Above them nothing is lost:
  what widens the operands runs beside the multiplication.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from attrs import frozen

from calibration import attention, gemms
from calibration.fitting import Array, Parameter, errors, fit, rounded, short
from calibration.kernels import Row, Timed
from llmplan.records import AttentionCurve, CollectiveCurve, DecodeCurve, GemmCurve, ServingCurves

LIBRARY = "nccl"
MOST_BYTES = 16e6
"""Of a message that engines sum by kernels of their own."""
FEW_BYTES, FEW_WEIGHT = 1e6, 3.0
"""The most of an all-reduce of decoding, and how much more those count."""
LEAST_TOKENS = 128
MOST_LAUNCH_US = 60.0
NARROW = {"8": "int8_wo", "4": "int4_wo"}
"""The dtype column of weight-only multiplications, by bits of a weight."""
ENGINES = {"a100-sxm-80gb": "vLLM"}
"""Whose kernels were timed, TensorRT-LLM's where not given."""
TENSORRT = "trtllm_custom"
OWN_KERNELS = {"vLLM": "vllm_custom"}
"""How implementations of all-reduces by an engine begin."""
FASTER = 0.9
"""Of the library's time, that an engine's own kernels take at most."""


@frozen(eq=False)
class Tables:
    """The rows of the files that these curves come from."""

    prefill: Sequence[Row]
    decode: Sequence[Row]
    collectives: Sequence[Row]
    gemms: Sequence[Row]


@frozen(eq=False)
class Decodes:
    """Timed calls of decode attention, as columns."""

    cache_bytes: Array
    seconds: Array


def decodes(rows: Iterable[Row], accelerator: str) -> Decodes:
    """2 b s g d elements of 16 bits: K and V of b sequences of s tokens, g KV heads of width d."""
    columns = []
    for row in rows:
        if row["accelerator"] == accelerator:
            batch, tokens, heads, width = (
                float(row[name]) for name in ("batch", "context_len", "kv_heads", "head_dim")
            )
            columns.append((4.0 * batch * tokens * heads * width, float(row["latency_us"]) * 1e-6))
    return Decodes(*np.array(columns).T)


def decode_seconds(calls: Decodes, curve: DecodeCurve, bytes_per_second: float) -> Array:
    """Of each call."""
    seconds: Any = curve.seconds(calls.cache_bytes, bytes_per_second)
    return np.asarray(seconds)


def decode_curve(calls: Decodes, bytes_per_second: float) -> DecodeCurve:
    """Through all calls."""

    def shaped(values: Iterable[float]) -> DecodeCurve:
        plateau, half_megabytes, launch_us = values
        return DecodeCurve(plateau=plateau, half_bytes=half_megabytes * 1e6, launch_seconds=launch_us * 1e-6)

    values = fit(
        lambda values: decode_seconds(calls, shaped(values), bytes_per_second),
        calls.seconds,
        np.ones_like(calls.seconds),
        [Parameter(0.8, 1.0, 0.01), Parameter(5.0, 1000.0), Parameter(12.0, MOST_LAUNCH_US)],
    )
    return rounded(shaped(values))


def prefills(rows: Iterable[Row], accelerator: str) -> attention.Attentions:
    """Causal prefills: 2 x batch x tokens^2 x heads x head_dim FLOPs."""
    columns = []
    for row in rows:
        batch, tokens, heads, width = (float(row[name]) for name in ("batch", "seq_len", "heads", "head_dim"))
        if row["accelerator"] == accelerator and tokens >= LEAST_TOKENS:
            seconds = float(row["latency_us"]) * 1e-6
            columns.append((width, tokens, 2.0 * batch * tokens**2 * heads * width, seconds))
    return attention.Attentions(*np.array(columns).T)


def prefill_curve(calls: attention.Attentions, peak_flops: float) -> AttentionCurve:
    """Through all calls, with what an engine does around the kernel as its launch."""

    def shaped(values: Iterable[float]) -> AttentionCurve:
        plateau, half_tokens, half_head_dim, launch_us = values
        return AttentionCurve(
            plateau=plateau, half_tokens=half_tokens, half_head_dim=half_head_dim, launch_seconds=launch_us * 1e-6
        )

    values = fit(
        lambda values: attention.predicted(calls, shaped(values), peak_flops),
        calls.seconds,
        np.ones_like(calls.seconds),
        [
            Parameter(0.6, 1.0, 0.05),
            Parameter(500.0, 5000.0),
            Parameter(20.0, 500.0),
            Parameter(10.0, MOST_LAUNCH_US),
        ],
    )
    return rounded(shaped(values))


@frozen(eq=False)
class Sums:
    """Timed all-reduces by kernels of an engine, as columns."""

    gpus: Array
    message_bytes: Array
    seconds: Array
    two_shots: bool
    """Whether the engine's kernels have that form too."""


def sums(rows: Sequence[Row], device: Timed) -> Sums | None:
    """Those that beat the collective library; None where none was timed."""
    engine = OWN_KERNELS.get(ENGINES.get(device.profile, ""), TENSORRT)
    timed = [row for row in rows if (row["accelerator"], row["op"]) == (device.timings, "all_reduce")]
    library: dict[tuple[float, float], float] = {}
    for row in timed:
        if row["implementation"].startswith(LIBRARY):
            library[_size(row)] = min(_seconds(row), library.get(_size(row), np.inf))
    columns = [
        (*_size(row), _seconds(row))
        for row in timed
        if row["implementation"].startswith(engine)
        and float(row["message_bytes"]) <= MOST_BYTES
        and _seconds(row) < FASTER * library.get(_size(row), np.inf)
    ]
    return Sums(*np.array(columns).T, two_shots=engine != TENSORRT) if columns else None


def _size(row: Row) -> tuple[float, float]:
    return float(row["n_gpus"]), float(row["message_bytes"])


def _seconds(row: Row) -> float:
    return float(row["latency_us"]) * 1e-6


def sum_seconds(timed: Sums, curve: CollectiveCurve, link_bytes_per_second: float) -> Array:
    """Of each, in one shot, or in two where the engine has them."""
    n, message = timed.gpus, timed.message_bytes
    one: Any = curve.seconds(n * message, n, link_bytes_per_second)
    two: Any = curve.launch_seconds + curve.seconds(2.0 * message, n, link_bytes_per_second)
    return np.asarray(np.minimum(one, two) if timed.two_shots else one)


def sum_curve(timed: Sums | None, link_bytes_per_second: float) -> CollectiveCurve | None:
    """Through all groups, small messages counting three times."""
    if timed is None:
        return None

    def shaped(values: Iterable[float]) -> CollectiveCurve:
        plateau, half_megabytes, launch_us, step_us = values
        return CollectiveCurve(
            plateau=plateau,
            half_bytes=half_megabytes * 1e6,
            launch_seconds=launch_us * 1e-6,
            step_seconds=step_us * 1e-6,
        )

    values = fit(
        lambda values: sum_seconds(timed, shaped(values), link_bytes_per_second),
        timed.seconds,
        np.where(timed.message_bytes <= FEW_BYTES, FEW_WEIGHT, 1.0),
        [Parameter(0.7, 1.0, 0.05), *(Parameter(start, 100.0) for start in (0.05, 3.0, 0.2))],
    )
    return rounded(shaped(values))


def widening(rows: Sequence[Row], device: Timed, plain: GemmCurve, bytes_per_second: float) -> dict[str, float]:
    """Launch of weight-only multiplications less that of `plain` ones, by bits; empty where none was timed."""
    found = {}
    for bits, word in NARROW.items():
        columns = [
            tuple(float(row[name]) for name in ("m", "n", "k", "latency_us"))
            for row in rows
            if (row["accelerator"], row["dtype"]) == (device.timings, word)
        ]
        if columns:
            found[bits] = short(_extra_seconds(np.array(columns).T, float(bits) / 8.0, device, plain, bytes_per_second))
    return found


def _extra_seconds(columns: Array, width: float, device: Timed, plain: GemmCurve, bytes_per_second: float) -> float:
    """The seconds beside launch that fit best: both operands in 16 bits, weights read in `width` bytes."""
    m, n, k, microseconds = columns
    moved = n * k * width + 2.0 * m * (n + k)
    peak = device.tflops[gemms.SIXTEEN_BIT] * 1e12
    unbound = plain.computing_seconds(m, n, k, 1.0, peak)
    (extra,) = fit(
        lambda values: plain.launch_seconds + values[0] * 1e-6 + np.maximum(unbound, moved / bytes_per_second),
        microseconds * 1e-6,
        np.ones_like(m),
        [Parameter(8.0, MOST_LAUNCH_US)],
    )
    return extra * 1e-6


def curves(device: Timed, tables: Tables, plain: GemmCurve, hbm: float) -> ServingCurves | None:
    """Those of an accelerator; None where its attention was not timed."""
    timed = decodes(tables.decode, device.timings) if _is_timed(tables, device) else None
    if timed is None:
        return None
    own = sums(tables.collectives, device)
    bandwidth = device.hbm_gb_s * 1e9
    narrow = widening(tables.gemms, device, plain, bandwidth * hbm)
    calls = prefills(tables.prefill, device.timings)
    engine = ENGINES.get(device.profile, "TensorRT-LLM")
    summed = 0 if own is None else len(own.gpus)
    return ServingCurves(
        prefill=prefill_curve(calls, device.tflops[gemms.SIXTEEN_BIT] * 1e12),
        decode=decode_curve(timed, bandwidth),
        all_reduce=sum_curve(own, device.link_gb_s * 1e9),
        widening_seconds=narrow,
        source=(
            f"{device.chip} timings of engines' kernels (aiconfigurator): {len(calls.seconds)} prefills and "
            f"{len(timed.seconds)} decodes of {engine}, {summed} all-reduces"
            + (", weight-only multiplications" if narrow else "")
        ),
    )


def _is_timed(tables: Tables, device: Timed) -> bool:
    return any(row["accelerator"] == device.timings for row in tables.decode)


def table(device: Timed, tables: Tables, fitted: ServingCurves) -> list[str]:
    """What the curves of an accelerator miss, as lines."""
    calls, timed = prefills(tables.prefill, device.timings), decodes(tables.decode, device.timings)
    peak = device.tflops[gemms.SIXTEEN_BIT] * 1e12
    decoding = decode_seconds(timed, fitted.decode, device.hbm_gb_s * 1e9)
    lines = [
        f"{device.profile}: {fitted.source}",
        f"  prefill {errors(attention.predicted(calls, fitted.prefill, peak), calls.seconds)}: {fitted.prefill}",
        f"  decode {errors(decoding, timed.seconds)}: {fitted.decode}",
        f"  widening {dict(fitted.widening_seconds)}",
    ]
    own = sums(tables.collectives, device)
    if own is not None and fitted.all_reduce is not None:
        seconds = sum_seconds(own, fitted.all_reduce, device.link_gb_s * 1e9)
        few = own.message_bytes <= FEW_BYTES
        lines.append(
            f"  all-reduce {errors(seconds, own.seconds)}, to 1 MB {errors(seconds[few], own.seconds[few])}: "
            f"{fitted.all_reduce}"
        )
    return lines
