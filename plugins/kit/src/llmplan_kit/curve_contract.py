"""The contract of the curves of an accelerator, which the one of accelerators asks for."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from attrs import evolve

from llmplan import records
from llmplan.catalogues import registry
from llmplan.records.kernels import rank_bytes
from llmplan_kit.contracts import LONGEST_LAUNCH, SHORTEST_LAUNCH, check_spelling, require

_SIDE, _HEAD = 8192.0, 128.0
"""Rows, columns and tokens of large work, and the width of a head."""
_VOLUME = 1e9
"""Bytes of a large message or cache."""
_RANKS = 8.0
_LEAST = 0.05
"""Of its plateau, that a curve reaches with large work."""


def check_kernels(name: str, curves: records.KernelCurves, formats: Collection[str]) -> None:
    """Curves have a source, none starts later than any kernel does, and large work comes near to the plateau. Formats,
    kernels and collectives are called as they are elsewhere.
    """
    require(curves.source, f"{name}: kernels: no source")
    if curves.serving is not None:
        require(curves.serving.source, f"{name}: kernels.serving: no source")
    for field, seconds in _launches(curves):
        soon = seconds <= LONGEST_LAUNCH
        require(soon, f"{name}: kernels.{field}: {seconds:g} is above {LONGEST_LAUNCH:g}: is it in seconds?")
        late = seconds == 0 or seconds >= SHORTEST_LAUNCH
        require(late, f"{name}: kernels.{field}: {seconds:g} is below {SHORTEST_LAUNCH:g}: is it in seconds?")
    for form in (*curves.gemm, *curves.sustained):
        require(form in formats, f"{name}: kernels: {form}: no dtype multiplies so")
    known = [gpu.kernels for other, _, gpu in registry().gpus.entries() if other != name and gpu.kernels is not None]
    for field in ("attention", "collectives"):
        words = {word for one in known for word in getattr(one, field)}
        check_spelling(name, f"kernels.{field}", getattr(curves, field), words)
    for form, rate in curves.sustained.items():
        require(rate <= 1, f"{name}: kernels.sustained.{form}: {rate:g} is above 1: is it a fraction?")
    for field, share in _shares(curves):
        near = share >= _LEAST
        require(
            near, f"{name}: kernels.{field}: large work reaches {share:.2g} of the plateau: halves are in which unit?"
        )


def _shares(curves: records.KernelCurves) -> Iterator[tuple[str, float]]:
    """What of its plateau each curve reaches with large work."""
    for form, curve in curves.gemm.items():
        yield f"gemm.{form}", float(curve.flops_per_second(_SIDE, _SIDE, _SIDE, 1.0)) / curve.plateau
    for field, fused in _attention(curves):
        yield field, float(fused.flops_per_second(_SIDE, _HEAD, 1.0)) / fused.plateau
    for operation, collective in _collectives(curves):
        moving = evolve(collective, launch_seconds=0.0, step_seconds=0.0).seconds(_VOLUME, _RANKS, 1.0)
        yield f"collectives.{operation}", rank_bytes(_VOLUME, _RANKS) / moving / collective.plateau
    if curves.serving is not None:
        decode = curves.serving.decode
        yield "serving.decode", _VOLUME / (float(decode.reading_seconds(_VOLUME, 1.0)) * decode.plateau)


def _attention(curves: records.KernelCurves) -> Iterator[tuple[str, records.AttentionCurve]]:
    for generation, kernel in curves.attention.items():
        yield f"attention.{generation}.forward", kernel.forward
        yield f"attention.{generation}.backward", kernel.backward
    if curves.serving is not None:
        yield "serving.prefill", curves.serving.prefill


def _collectives(curves: records.KernelCurves) -> Iterator[tuple[str, records.CollectiveCurve]]:
    yield from curves.collectives.items()
    if curves.serving is not None and curves.serving.all_reduce is not None:
        yield "serving.all_reduce", curves.serving.all_reduce


def _launches(curves: records.KernelCurves) -> Iterator[tuple[str, float]]:
    yield "launch_seconds", curves.launch_seconds
    yield "network.step_seconds", curves.network.step_seconds
    for form, curve in curves.gemm.items():
        yield f"gemm.{form}.launch_seconds", curve.launch_seconds
    for field, fused in _attention(curves):
        yield f"{field}.launch_seconds", fused.launch_seconds
    if curves.serving is not None:
        yield "serving.decode.launch_seconds", curves.serving.decode.launch_seconds
        yield from ((f"serving.widening_seconds.{bits}", of) for bits, of in curves.serving.widening_seconds.items())
    for operation, collective in _collectives(curves):
        yield f"collectives.{operation}.launch_seconds", collective.launch_seconds
        yield f"collectives.{operation}.step_seconds", collective.step_seconds
