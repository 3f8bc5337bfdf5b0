"""Curves of fused attention, from eff_flash_attention.csv and eff_attention_prefill.csv. Needs numpy and scipy.

`AttentionCurve.seconds` is fitted, with FLOPs of the causal half and the peak of 16 bits. Timed are, over 16,384
tokens of hidden size 2048: FlashAttention-2 forward, and forward and backward together, on an H100; both together on an
A100; FlashAttention-3 forward on an H100. An engine's prefill was timed on a B200. From these:

- backward on the H100: time of both - time of forward, over 2.5 times the FLOPs.
- A100: both together, split by the H100's ratio of backward to forward.
- FlashAttention-3 backward: FlashAttention-2's times the forward passes' ratio, at most `MOST_BACKWARD_GAIN`.
- B200: forward is the prefill of TensorRT-LLM, backward the H100's ratio; FlashAttention-2, which has no kernels for
  Blackwell, reaches the FLOP/s of the H100.
- H200: the H100's, which is the same chip. L40S: the A100's fractions, as the same kernels run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np
from attrs import evolve, frozen

from calibration.fitting import Array, Parameter, errors, fit, rounded
from calibration.kernels import Row
from llmplan.records import AttentionCurve, AttentionKernel

Points: TypeAlias = Mapping[tuple[int, int], float]
"""FLOP/s by head dimension and tokens."""
TOKENS, HIDDEN = 16_384, 2048
"""Of the figures."""
BACKWARD = 2.5
"""FLOPs of the backward pass over those of the forward pass: five matrix products instead of two."""
MOST_BACKWARD_GAIN = 1.75
"""Of FlashAttention-3 over FlashAttention-2, assumed: forward gains 1.5 to 1.84 with 128-wide heads."""
USUAL_HEAD_DIM, USUAL_WEIGHT = 128, 4.0
"""The head dimension of most models, and how much more its rows count."""
A100_FLOPS, H100_FLOPS, B200_FLOPS = 312e12, 989.4e12, 2250e12
LAUNCH_US, ENGINE_OVERHEAD_US = 2.7, 100.0
"""Of the smallest kernel; the most that an engine adds."""
LEAST_PREFILL_TOKENS, LEAST_PREFILL_FLOPS = 256, 2e10
"""Of a prefill that shows what the kernel reaches, not what the engine does around it."""


@frozen(eq=False)
class Attentions:
    """Timed calls of an attention kernel, as columns."""

    head_dim: Array
    tokens: Array
    flops: Array
    seconds: Array


def causal_flops(tokens: float) -> float:
    """2 matrix products x 2 FLOPs x tokens of the batch x tokens of the sequence x hidden / 2."""
    return 2.0 * TOKENS * tokens * HIDDEN


def of_figure(rows: Iterable[Row], accelerator: str, kernel: str, passes: str) -> dict[tuple[int, int], float]:
    """The causal points of a figure."""
    wanted = accelerator, kernel, passes, "True"
    return {
        (int(row["head_dim"]), int(row["seq_len"])): float(row["tflops"]) * 1e12
        for row in rows
        if (row["accelerator"], row["kernel"], row["pass"], row["causal"]) == wanted
    }


def timed(points: Points, multiple: float = 1.0) -> Attentions:
    """The points of a figure as timings; `multiple` of the forward FLOPs."""
    head_dim, tokens = np.array([(float(width), float(length)) for width, length in points]).T
    flops = multiple * np.array([causal_flops(length) for length in tokens])
    return Attentions(head_dim, tokens, flops, flops / np.array(list(points.values())))


def prefills(rows: Iterable[Row], accelerator: str) -> Attentions:
    """An engine's large causal prefills: 2 x batch x tokens^2 x heads x head_dim FLOPs."""
    columns = []
    for row in rows:
        batch, tokens, heads, width = (float(row[name]) for name in ("batch", "seq_len", "heads", "head_dim"))
        flops = 2.0 * batch * tokens**2 * heads * width
        if row["accelerator"] == accelerator and tokens >= LEAST_PREFILL_TOKENS and flops >= LEAST_PREFILL_FLOPS:
            columns.append((width, tokens, flops, float(row["latency_us"]) * 1e-6))
    return Attentions(*np.array(columns).T)


def fraction(curve: AttentionCurve, tokens: Array, head_dim: Array) -> Array:
    """Of the peak, by the curve."""
    reached: Any = curve.flops_per_second(tokens, head_dim, 1.0)
    return np.asarray(reached)


def predicted(calls: Attentions, curve: AttentionCurve, peak_flops: float) -> Array:
    """Seconds of each call."""
    seconds: Any = curve.seconds(calls.flops, calls.tokens, calls.head_dim, peak_flops)
    return np.asarray(seconds)


def _curve(values: Iterable[float]) -> AttentionCurve:
    plateau, half_tokens, half_head_dim, launch_us = values
    return AttentionCurve(
        plateau=plateau, half_tokens=half_tokens, half_head_dim=half_head_dim, launch_seconds=launch_us * 1e-6
    )


def curve(calls: Attentions, peak_flops: float, plateau: float = 1.0, overhead_us: float = 0.0) -> AttentionCurve:
    """Through the calls, those of 128-wide heads counting four times.

    At most `plateau`. What an engine does around the kernel, up to `overhead_us`, is told apart and left out.
    """
    values = fit(
        lambda values: predicted(calls, _curve(values), peak_flops),
        calls.seconds,
        np.where(calls.head_dim == USUAL_HEAD_DIM, USUAL_WEIGHT, 1.0),
        [
            Parameter(plateau / 2, plateau, 0.01),
            Parameter(500.0, 5000.0),
            Parameter(20.0, 500.0),
            Parameter(LAUNCH_US, LAUNCH_US * 1.001 + overhead_us, LAUNCH_US * 0.999),
        ],
    )
    return rounded(evolve(_curve(values), launch_seconds=LAUNCH_US * 1e-6))


def scaled(points: Points, ratio: Callable[[int, int], float]) -> dict[tuple[int, int], float]:
    """Each point times a ratio."""
    return {at: flops * ratio(*at) for at, flops in points.items()}


def ratio_of(kernel: AttentionKernel) -> Callable[[int, int], float]:
    """FLOP/s backward over FLOP/s forward of a kernel, by head dimension and tokens."""

    def ratio(head_dim: int, tokens: int) -> float:
        at = np.array([tokens], dtype=float), np.array([head_dim], dtype=float)
        return float((fraction(kernel.backward, *at) / fraction(kernel.forward, *at)).item())

    return ratio


def backward_alone(both: Points, forward: Points) -> dict[tuple[int, int], float]:
    """FLOP/s of the backward pass: 2.5 / (3.5 / both - 1 / forward)."""
    return {at: BACKWARD / ((1.0 + BACKWARD) / both[at] - 1.0 / forward[at]) for at in both}


def forward_alone(both: Points, ratio: Callable[[int, int], float]) -> dict[tuple[int, int], float]:
    """FLOP/s of the forward pass, where backward reaches `ratio` of them: both x (1 + 2.5 / ratio) / 3.5."""
    return scaled(both, lambda *at: (1.0 + BACKWARD / ratio(*at)) / (1.0 + BACKWARD))


def kernel(forward: Points, backward: Points, peak_flops: float) -> AttentionKernel:
    """Both passes of a generation; the backward pass has no higher plateau than the forward pass."""
    ahead = curve(timed(forward), peak_flops)
    return AttentionKernel(forward=ahead, backward=curve(timed(backward, BACKWARD), peak_flops, plateau=ahead.plateau))


@frozen(eq=False)
class Measured:
    """What the files say, and what follows from it."""

    h100_flash_2: tuple[Points, Points]
    h100_flash_3: tuple[Points, Points]
    a100_both: Points
    b200_prefill: Attentions


def measured(figures: Iterable[Row], prefill: Iterable[Row]) -> Measured:
    """Both passes on the H100, both together on the A100, prefill on the B200."""
    figures, hopper = list(figures), "h100-sxm5-80gb"
    second, third = (of_figure(figures, hopper, name, "fwd") for name in ("FA2", "FA3"))
    backward = backward_alone(of_figure(figures, hopper, "FA2", "fwd+bwd"), second)
    return Measured(
        h100_flash_2=(second, backward),
        h100_flash_3=(third, scaled(backward, lambda *at: min(MOST_BACKWARD_GAIN, third[at] / second[at]))),
        a100_both=of_figure(figures, "a100-sxm4-80gb", "FA2", "fwd+bwd"),
        b200_prefill=prefills(prefill, "b200_sxm"),
    )


def at_same_speed(kernel: AttentionKernel, times: float) -> AttentionKernel:
    """A kernel whose plateaus are `times` another's."""
    forward, backward = (rounded(evolve(of, plateau=of.plateau * times)) for of in (kernel.forward, kernel.backward))
    return AttentionKernel(forward=forward, backward=backward)


def curves(timings: Measured) -> dict[str, dict[str, AttentionKernel]]:
    """By profile and generation."""
    second = kernel(*timings.h100_flash_2, H100_FLOPS)
    third = kernel(*timings.h100_flash_3, H100_FLOPS)
    on_a100 = forward_alone(timings.a100_both, ratio_of(second))
    ampere = kernel(on_a100, scaled(on_a100, ratio_of(second)), A100_FLOPS)
    prefill = curve(timings.b200_prefill, B200_FLOPS, overhead_us=ENGINE_OVERHEAD_US)
    at_figure = {at: B200_FLOPS * _reached(prefill, *at) for at in timings.h100_flash_3[1]}
    blackwell = AttentionKernel(
        forward=prefill, backward=curve(timed(scaled(at_figure, ratio_of(third)), BACKWARD), B200_FLOPS)
    )
    hopper = {"flash-2": second, "flash-3": third}
    no_third = {"flash-2": ampere, "flash-3": ampere}
    return {
        "a100-sxm-80gb": no_third,
        "h100-sxm-80gb": hopper,
        "h200-sxm-141gb": hopper,
        "b200-sxm": {"flash-2": at_same_speed(second, H100_FLOPS / B200_FLOPS), "flash-3": blackwell},
        "l40s": no_third,
    }


def _reached(curve: AttentionCurve, head_dim: int, tokens: int) -> float:
    return float(fraction(curve, np.array([float(tokens)]), np.array([float(head_dim)])).item())


def table(timings: Measured, fitted: Mapping[str, Mapping[str, AttentionKernel]], prefill: Iterable[Row]) -> list[str]:
    """What the curves miss, and what engines reach of them, as lines."""
    prefill, lines = list(prefill), ["Attention:"]
    for profile, generation, timed_points in (
        ("h100-sxm-80gb", "flash-2", timings.h100_flash_2),
        ("h100-sxm-80gb", "flash-3", timings.h100_flash_3),
    ):
        of = fitted[profile][generation]
        for curve_of, calls in ((of.forward, timed(timed_points[0])), (of.backward, timed(timed_points[1], BACKWARD))):
            missed = errors(predicted(calls, curve_of, H100_FLOPS), calls.seconds)
            lines.append(f"  {profile} {generation}: {curve_of}: {missed}")
    both = timed(timings.a100_both, 1.0 + BACKWARD)
    ampere = fitted["a100-sxm-80gb"]["flash-2"]
    seconds = sum(
        predicted(evolve(both, flops=both.flops * share / (1.0 + BACKWARD)), of, A100_FLOPS)
        for of, share in ((ampere.forward, 1.0), (ampere.backward, BACKWARD))
    )
    lines.append(f"  a100-sxm-80gb flash-2, both passes: {errors(np.asarray(seconds), both.seconds)}")
    return [*lines, *engines_table(fitted, prefill)]


def engines_table(fitted: Mapping[str, Mapping[str, AttentionKernel]], prefill: Iterable[Row]) -> list[str]:
    """The forward curves against the prefill of engines, as lines."""
    prefill, lines = list(prefill), []
    for profile, timings, generation, peak_flops in (
        ("a100-sxm-80gb", "a100_sxm", "flash-2", A100_FLOPS),
        ("h100-sxm-80gb", "h100_sxm", "flash-3", H100_FLOPS),
        ("h200-sxm-141gb", "h200_sxm", "flash-3", H100_FLOPS),
        ("b200-sxm", "b200_sxm", "flash-3", B200_FLOPS),
    ):
        calls = prefills(prefill, timings)
        missed = errors(predicted(calls, fitted[profile][generation].forward, peak_flops), calls.seconds)
        lines.append(f"  {profile} {generation} against prefill: {missed}")
    return lines
