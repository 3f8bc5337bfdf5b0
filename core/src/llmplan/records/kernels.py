"""What kernels and links of an accelerator reach, as curves of the shape that they work on.

Each curve is a plateau, a fraction of a printed peak, that small shapes fall short of: x / (x + half) of a size x, so
that `half` is the size at which half of the plateau is left. A curve evaluates itself: cost models price with the very
method that calibrations fit to timings.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from llmplan.arrays.quantities import Number, ceil_log2, maximum, minimum, sqrt
from llmplan.records.checks import fraction, not_negative, positive_values


@frozen(kw_only=True, eq=False)
class GemmCurve:
    """Seconds of g matrix multiplications side by side, each m x k times k x n.

    Tiles of the m x n result keep the cores busy however they lie, which half_tile says; half_m and half_n say what one
    side alone costs.
    """

    plateau: float = field(validator=fraction)
    half_tile: float = field(default=0.0, validator=not_negative)
    half_m: float = field(default=0.0, validator=not_negative)
    half_n: float = field(default=0.0, validator=not_negative)
    half_k: float = field(default=0.0, validator=not_negative)
    launch_seconds: float = field(default=0.0, validator=not_negative)

    def flops_per_second(self, m: Number, n: Number, k: Number, peak_flops: Number) -> Number:
        """Peak x plateau x a/(a + half_tile) x m/(m + half_m) x n/(n + half_n) x k/(k + half_k) with a = sqrt(m n)."""
        tile = sqrt(m * n)
        shape = tile / (tile + self.half_tile) * (m / (m + self.half_m)) * (n / (n + self.half_n))
        return peak_flops * self.plateau * shape * (k / (k + self.half_k))

    def computing_seconds(self, m: Number, n: Number, k: Number, g: Number, peak_flops: Number) -> Number:
        """2 g m n k / FLOP/s, without the launch."""
        return 2.0 * g * m * n * k / self.flops_per_second(m, n, k, peak_flops)

    def seconds(
        self, m: Number, n: Number, k: Number, g: Number, peak_flops: Number, moved: Number, bytes_per_second: Number
    ) -> Number:
        """Launch + max(2 g m n k / FLOP/s, bytes moved / bandwidth)."""
        return self.launch_seconds + maximum(self.computing_seconds(m, n, k, g, peak_flops), moved / bytes_per_second)

    def batched_flops_per_second(self, s: Number, d: Number, peak_flops: Number) -> Number:
        """The rate of the batched multiplications of unfused attention: m = n = s and k = d, or the other way round."""
        square = s / (s + self.half_tile + self.half_m)
        return peak_flops * self.plateau * square * d / (d + self.half_k)


def gemm_bytes(m: Number, n: Number, k: Number, g: Number, operand_bytes: Number, output_bytes: Number) -> Number:
    """What g multiplications move: m k + k n elements in, m n out."""
    return g * ((m + n) * k * operand_bytes + m * n * output_bytes)


@frozen(kw_only=True, eq=False)
class AttentionCurve:
    """Seconds of a fused attention kernel over s tokens with heads of width d.

    FLOPs are those of the part of the s x s square that the mask leaves, peaks those of 16 bits.
    """

    plateau: float = field(validator=fraction)
    half_tokens: float = field(default=0.0, validator=not_negative)
    half_head_dim: float = field(default=0.0, validator=not_negative)
    launch_seconds: float = field(default=0.0, validator=not_negative)

    def flops_per_second(self, s: Number, d: Number, peak_flops: Number) -> Number:
        """Peak x plateau x s / (s + half_tokens) x d / (d + half_head_dim)."""
        shape = (s / (s + self.half_tokens)) * (d / (d + self.half_head_dim))
        return peak_flops * self.plateau * shape

    def seconds(self, flops: Number, s: Number, d: Number, peak_flops: Number) -> Number:
        """Launch + FLOPs / FLOP/s."""
        return self.launch_seconds + flops / self.flops_per_second(s, d, peak_flops)


@frozen(kw_only=True, eq=False)
class AttentionKernel:
    """A generation of fused attention kernels."""

    forward: AttentionCurve
    backward: AttentionCurve
    """Over 2.5 times the FLOPs of the forward pass: five matrix products instead of two."""


@frozen(kw_only=True, eq=False)
class CollectiveCurve:
    """Seconds of a collective of n ranks inside the scale-up domain, each rank moving V bytes over its link.

    The root of V stands for the slow ramp of messages that are split among channels and protocols by their size.
    """

    plateau: float = field(validator=fraction)
    half_ranks: float = field(default=0.0, validator=not_negative)
    half_bytes: float = field(default=0.0, validator=not_negative)
    launch_seconds: float = field(default=0.0, validator=not_negative)
    step_seconds: float = field(default=0.0, validator=not_negative)

    def seconds(self, volume: Number, n: Number, link_bytes_per_second: Number) -> Number:
        """Launch + (n - 1) step + (V + sqrt(V half_bytes)) / (link x plateau x n/(n + half_ranks)).

        V = (n - 1)/n x volume; the volume is the message, twice the message for an all-reduce.
        """
        moved = volume * (n - 1) / n
        bandwidth = link_bytes_per_second * self.plateau * n / (n + self.half_ranks)
        return self.launch_seconds + (n - 1) * self.step_seconds + (moved + sqrt(moved * self.half_bytes)) / bandwidth


@frozen(kw_only=True, eq=False)
class NetworkCurve:
    """What a group reaches that spans scale-up domains: a fraction of its network cards, and a latency a step."""

    plateau: float = field(validator=fraction)
    step_seconds: float = field(default=0.0, validator=not_negative)

    def seconds(self, volume: Number, n: Number, passes: Number, card_bytes_per_second: Number) -> Number:
        """Over n domains the faster of a ring and a tree, which both take `passes`: 2 of an all-reduce, else 1.

        A ring takes n - 1 steps a pass and sends V = (n - 1)/n x volume; a tree takes log2 n steps, but sends the whole
        volume (Sanders et al. 2009, doi:10.1016/j.parco.2009.09.001).
        """
        moved, bandwidth = volume * (n - 1) / n, card_bytes_per_second * self.plateau
        ring = passes * (n - 1) * self.step_seconds + moved / bandwidth
        more = n / maximum(n - 1, 1.0)
        tree = passes * ceil_log2(n) * self.step_seconds + moved * more / bandwidth
        return minimum(ring, tree)

    def hop_seconds(self, message: Number, card_bytes_per_second: Number) -> Number:
        """From one rank to another: step + message / (card x plateau)."""
        return self.step_seconds + message / (card_bytes_per_second * self.plateau)


@frozen(kw_only=True, eq=False)
class DecodeCurve:
    """Seconds of attention over a KV cache of V bytes."""

    plateau: float = field(validator=fraction)
    half_bytes: float = field(default=0.0, validator=not_negative)
    launch_seconds: float = field(default=0.0, validator=not_negative)

    def reading_seconds(self, cache: Number, bytes_per_second: Number) -> Number:
        """(V + sqrt(V half_bytes)) / (memory bandwidth x plateau), without the launch."""
        return (cache + sqrt(cache * self.half_bytes)) / (bytes_per_second * self.plateau)

    def seconds(self, cache: Number, bytes_per_second: Number) -> Number:
        """Launch + reading."""
        return self.launch_seconds + self.reading_seconds(cache, bytes_per_second)


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
