"""What kernels and links of an accelerator reach, as curves of the shape that they work on.

Each curve is a plateau, a fraction of a printed peak, that small shapes fall short of: x / (x + half) of a size x, so
that `half` is the size at which half of the plateau is left. Cost models evaluate them; calibrations provide them.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from llmplan.records.checks import fraction, not_negative, positive_values


@frozen(kw_only=True, eq=False)
class GemmCurve:
    """FLOP/s of an m x n x k matrix multiplication, as a fraction of the format's dense peak.

    plateau x a / (a + half_tile) x m / (m + half_m) x n / (n + half_n) x k / (k + half_k) with a = sqrt(m n), and
    launch_seconds on top of every call. Tiles of the m x n result keep the cores busy however they lie, which half_tile
    says; half_m and half_n say what one side alone costs.
    """

    plateau: float = field(validator=fraction)
    half_tile: float = field(default=0.0, validator=not_negative)
    half_m: float = field(default=0.0, validator=not_negative)
    half_n: float = field(default=0.0, validator=not_negative)
    half_k: float = field(default=0.0, validator=not_negative)
    launch_seconds: float = field(default=0.0, validator=not_negative)


@frozen(kw_only=True, eq=False)
class AttentionCurve:
    """FLOP/s of a fused attention kernel over s tokens with heads of width d, as a fraction of the 16-bit dense peak.

    plateau x s / (s + half_tokens) x d / (d + half_head_dim), and launch_seconds on top of every call. FLOPs are those
    of the part of the s x s square that the mask leaves.
    """

    plateau: float = field(validator=fraction)
    half_tokens: float = field(default=0.0, validator=not_negative)
    half_head_dim: float = field(default=0.0, validator=not_negative)
    launch_seconds: float = field(default=0.0, validator=not_negative)


@frozen(kw_only=True, eq=False)
class AttentionKernel:
    """A generation of fused attention kernels."""

    forward: AttentionCurve
    backward: AttentionCurve
    """Over 2.5 times the FLOPs of the forward pass: five matrix products instead of two."""


@frozen(kw_only=True, eq=False)
class CollectiveCurve:
    """Seconds of a collective of n ranks inside the scale-up domain, each rank moving V bytes over its link.

    launch_seconds + (n - 1) x step_seconds + (V + sqrt(V x half_bytes)) / (link x plateau x n / (n + half_ranks)).
    V is 2 (n - 1)/n x message for an all-reduce, (n - 1)/n x message for the others.
    """

    plateau: float = field(validator=fraction)
    half_ranks: float = field(default=0.0, validator=not_negative)
    half_bytes: float = field(default=0.0, validator=not_negative)
    launch_seconds: float = field(default=0.0, validator=not_negative)
    step_seconds: float = field(default=0.0, validator=not_negative)


@frozen(kw_only=True, eq=False)
class NetworkCurve:
    """What a group reaches that spans scale-up domains: a fraction of its network cards, and a latency a step."""

    plateau: float = field(validator=fraction)
    step_seconds: float = field(default=0.0, validator=not_negative)


@frozen(kw_only=True, eq=False)
class DecodeCurve:
    """Seconds of attention over a KV cache of V bytes: launch_seconds + (V + sqrt(V x half_bytes)) / (memory bandwidth
    x plateau).
    """

    plateau: float = field(validator=fraction)
    half_bytes: float = field(default=0.0, validator=not_negative)
    launch_seconds: float = field(default=0.0, validator=not_negative)


@frozen(kw_only=True, eq=False)
class ServingCurves:
    """What inference engines' kernels reach on one accelerator, where training has none of the kind."""

    prefill: AttentionCurve
    """Attention over prompts, the cache written on the way."""
    decode: DecodeCurve
    all_reduce: CollectiveCurve | None = None
    """Of an engine's own kernels, inside the scale-up domain; None where there are none."""
    widening_seconds: Mapping[str, float] = field(factory=dict, validator=positive_values)
    """That a multiplication takes longer where weights come in fewer bits, by bits of a weight: ``8``, ``4``."""
    source: str


@frozen(kw_only=True, eq=False)
class KernelCurves:
    """All that is measured of one accelerator."""

    gemm: Mapping[str, GemmCurve]
    """By number format."""
    attention: Mapping[str, AttentionKernel]
    """By generation: ``flash-2``, ``flash-3``."""
    sustained: Mapping[str, float] = field(factory=dict, validator=positive_values)
    """Rate of multiplications in a training run that lasts, against the same kernels timed one by one, by format; 1
    where not given. Clocks fall under load, and collectives take some of the cores.
    """
    hbm: float = field(validator=fraction)
    """Of the memory bandwidth, by kernels that only move data."""
    launch_seconds: float = field(default=0.0, validator=not_negative)
    """Of every kernel that only moves data."""
    collectives: Mapping[str, CollectiveCurve]
    """By operation: ``all_reduce``, ``all_gather``, ``reduce_scatter``, ``all_to_all``."""
    network: NetworkCurve
    serving: ServingCurves | None = None
    """None where nothing of the kind was timed: training's curves stand in."""
    source: str
