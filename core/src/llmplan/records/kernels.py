"""What kernels and links of an accelerator reach, as curves of the shape that they work on.

Each curve is a plateau, a fraction of a printed peak, that small shapes fall short of: x / (x + half) of a size x, so
that `half` is the size at which half of the plateau is left. A curve evaluates itself: cost models price with the very
method that calibrations fit to timings.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import evolve, field, frozen

from llmplan.arrays.quantities import Number, ceil_log2, maximum, sqrt
from llmplan.arrays.term import term
from llmplan.records.checks import fraction, not_empty, not_negative, positive_values

_FITTED = "a rational saturation in each size, fitted to timings of the accelerator: `llmplan show GPU`"
_RING = "Patarasuk and Yuan 2009, doi:10.1016/j.jpdc.2008.09.002, section 4"


@frozen(kw_only=True, eq=False, repr=False)
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

    @term(
        "peak_flops * plateau * (sqrt(m * n) / (sqrt(m * n) + half_tile))"
        " * (m / (m + half_m)) * (n / (n + half_n)) * (k / (k + half_k))",
        unit="FLOP/s",
        source=_FITTED,
    )
    def flops_per_second(self, m: Number, n: Number, k: Number, peak_flops: Number) -> Number:
        """The rate of a multiplication of m x k by k x n, which small sides hold down."""
        tile = sqrt(m * n)
        shape = tile / (tile + self.half_tile) * (m / (m + self.half_m)) * (n / (n + self.half_n))
        return peak_flops * self.plateau * shape * (k / (k + self.half_k))

    @term("2 * g * m * n * k / flops_per_second(m, n, k, peak_flops)", unit="s", source=_FITTED)
    def computing_seconds(self, m: Number, n: Number, k: Number, g: Number, peak_flops: Number) -> Number:
        """Two FLOPs for each of the m n k products of g multiplications, without the launch."""
        return 2.0 * g * m * n * k / self.flops_per_second(m, n, k, peak_flops)

    @term(
        "launch_seconds + max(computing_seconds(m, n, k, g, peak_flops), moved / bytes_per_second)",
        unit="s",
        source=f"Williams et al. 2009, doi:10.1145/1498765.1498785; {_FITTED}",
    )
    def seconds(
        self, m: Number, n: Number, k: Number, g: Number, peak_flops: Number, moved: Number, bytes_per_second: Number
    ) -> Number:
        """A multiplication computes while it moves its operands, so that the slower of the two binds; memory does
        where one side is short.
        """
        return self.launch_seconds + maximum(self.computing_seconds(m, n, k, g, peak_flops), moved / bytes_per_second)

    @term("peak_flops * plateau * (s / (s + half_tile + half_m)) * (d / (d + half_k))", unit="FLOP/s", source=_FITTED)
    def batched_flops_per_second(self, s: Number, d: Number, peak_flops: Number) -> Number:
        """The rate of the batched multiplications of unfused attention: m = n = s and k = d, or the other way round."""
        square = s / (s + self.half_tile + self.half_m)
        return peak_flops * self.plateau * square * d / (d + self.half_k)


@term(
    "g * ((m + n) * k * operand_bytes + m * n * output_bytes)",
    unit="bytes",
    source="Williams et al. 2009, doi:10.1145/1498765.1498785",
)
def gemm_bytes(m: Number, n: Number, k: Number, g: Number, operand_bytes: Number, output_bytes: Number) -> Number:
    """What g multiplications move: m k + k n elements in, m n out."""
    return g * ((m + n) * k * operand_bytes + m * n * output_bytes)


@frozen(kw_only=True, eq=False, repr=False)
class AttentionCurve:
    """Seconds of a fused attention kernel over s tokens with heads of width d.

    FLOPs are those of the part of the s x s square that the mask leaves, peaks those of 16 bits.
    """

    plateau: float = field(validator=fraction)
    half_tokens: float = field(default=0.0, validator=not_negative)
    half_head_dim: float = field(default=0.0, validator=not_negative)
    launch_seconds: float = field(default=0.0, validator=not_negative)

    @term("peak_flops * plateau * (s / (s + half_tokens)) * (d / (d + half_head_dim))", unit="FLOP/s", source=_FITTED)
    def flops_per_second(self, s: Number, d: Number, peak_flops: Number) -> Number:
        """The rate of a fused kernel, which short sequences and thin heads hold down."""
        shape = (s / (s + self.half_tokens)) * (d / (d + self.half_head_dim))
        return peak_flops * self.plateau * shape

    @term("launch_seconds + flops / flops_per_second(s, d, peak_flops)", unit="s", source=_FITTED)
    def seconds(self, flops: Number, s: Number, d: Number, peak_flops: Number) -> Number:
        """A fused kernel keeps the scores on chip, so that it is bound by computation."""
        return self.launch_seconds + flops / self.flops_per_second(s, d, peak_flops)


@frozen(kw_only=True, eq=False, repr=False)
class AttentionKernel:
    """A generation of fused attention kernels."""

    forward: AttentionCurve
    backward: AttentionCurve
    """Over 2.5 times the FLOPs of the forward pass: five matrix products instead of two."""


@term("volume * (n - 1) / n", unit="bytes", source=_RING)
def rank_bytes(volume: Number, n: Number) -> Number:
    """What each of n ranks sends in a collective: all but its own share."""
    return volume * (n - 1) / n


@frozen(kw_only=True, eq=False, repr=False)
class CollectiveCurve:
    """Seconds of a collective of n ranks inside the scale-up domain, each rank moving V bytes over its link.

    The root of V stands for the slow ramp of messages that are split among channels and protocols by their size.
    """

    plateau: float = field(validator=fraction)
    half_ranks: float = field(default=0.0, validator=not_negative)
    half_bytes: float = field(default=0.0, validator=not_negative)
    launch_seconds: float = field(default=0.0, validator=not_negative)
    step_seconds: float = field(default=0.0, validator=not_negative)

    @term(
        "launch_seconds + (n - 1) * step_seconds + (rank_bytes(volume, n) + sqrt(rank_bytes(volume, n) * half_bytes))"
        " / (link * plateau * (n / (n + half_ranks)))",
        unit="s",
        source=f"{_RING}; {_FITTED}",
    )
    def seconds(self, volume: Number, n: Number, link: Number) -> Number:
        """Every rank sends all but its own share in n - 1 steps; latency binds small messages, the link large ones.

        The volume is the message, and twice the message for an all-reduce.
        """
        moved = rank_bytes(volume, n)
        bandwidth = link * self.plateau * n / (n + self.half_ranks)
        return self.launch_seconds + (n - 1) * self.step_seconds + (moved + sqrt(moved * self.half_bytes)) / bandwidth

    @term(
        "launch_seconds + steps * step_seconds + (rank_bytes(volume, n) + sqrt(rank_bytes(volume, n) * half_bytes))"
        " / (link * plateau)",
        unit="s",
        source=f"Austin et al. 2025, How to Scale Your Model, jax-ml.github.io/scaling-book, sharding; {_FITTED}",
    )
    def torus_seconds(self, volume: Number, n: Number, steps: Number, link: Number) -> Number:
        """Around the axes of a torus both ways at once: as many steps as hops to the farthest rank, and the link as
        its group spans it.
        """
        moved = rank_bytes(volume, n)
        moving = (moved + sqrt(moved * self.half_bytes)) / (link * self.plateau)
        return self.launch_seconds + steps * self.step_seconds + moving

    def of_steps(self, seconds: float) -> CollectiveCurve:
        """Where a step takes so long, whatever it took where it was timed."""
        return evolve(self, step_seconds=seconds)


@frozen(kw_only=True, eq=False, repr=False)
class NetworkCurve:
    """What a group reaches that spans scale-up domains: a fraction of its network cards, and a latency a step."""

    plateau: float = field(validator=fraction)
    step_seconds: float = field(default=0.0, validator=not_negative)

    @term("passes * (n - 1) * step_seconds + rank_bytes(volume, n) / (card * plateau)", unit="s", source=_RING)
    def ring_seconds(self, volume: Number, n: Number, passes: Number, card: Number) -> Number:
        """A ring over n domains takes n - 1 steps a pass, 2 passes in an all-reduce, and sends all but its own share:
        steps bind small messages and many domains, the network card large messages.
        """
        return passes * (n - 1) * self.step_seconds + rank_bytes(volume, n) / (card * self.plateau)

    @term(
        "passes * ceil(log2(n)) * step_seconds + rank_bytes(volume, n) * n / max(n - 1, 1) / (card * plateau)",
        unit="s",
        source="Sanders et al. 2009, doi:10.1016/j.parco.2009.09.001",
    )
    def tree_seconds(self, volume: Number, n: Number, passes: Number, card: Number) -> Number:
        """A tree takes log2 n steps a pass, but sends the whole volume."""
        moved = rank_bytes(volume, n) * n / maximum(n - 1, 1.0)
        return passes * ceil_log2(n) * self.step_seconds + moved / (card * self.plateau)

    @term(
        "step_seconds + message / (card * plateau)", unit="s", source="Hockney 1994, doi:10.1016/S0167-8191(06)80021-9"
    )
    def hop_seconds(self, message: Number, card: Number) -> Number:
        """A message from one rank to another, over the network."""
        return self.step_seconds + message / (card * self.plateau)


@frozen(kw_only=True, eq=False, repr=False)
class DecodeCurve:
    """Seconds of attention over a KV cache of V bytes."""

    plateau: float = field(validator=fraction)
    half_bytes: float = field(default=0.0, validator=not_negative)
    launch_seconds: float = field(default=0.0, validator=not_negative)

    @term("(cache + sqrt(cache * half_bytes)) / (bytes_per_second * plateau)", unit="s", source=_FITTED)
    def reading_seconds(self, cache: Number, bytes_per_second: Number) -> Number:
        """Decoding reads the whole cache for every token, so that memory binds; small ones use few channels."""
        return (cache + sqrt(cache * self.half_bytes)) / (bytes_per_second * self.plateau)

    @term("launch_seconds + reading_seconds(cache, bytes_per_second)", unit="s", source=_FITTED)
    def seconds(self, cache: Number, bytes_per_second: Number) -> Number:
        """Attention of one step of decoding."""
        return self.launch_seconds + self.reading_seconds(cache, bytes_per_second)


@frozen(kw_only=True, eq=False, repr=False)
class ServingCurves:
    """What inference engines' kernels reach on one accelerator, where training has none of the kind."""

    prefill: AttentionCurve
    """Attention over prompts, the cache written on the way."""
    decode: DecodeCurve
    all_reduce: CollectiveCurve | None = None
    """Of an engine's own kernels, inside the scale-up domain, by what a rank reads; None where there are none."""
    widening_seconds: Mapping[str, float] = field(factory=dict, validator=positive_values)
    """That a multiplication takes longer where weights come in fewer bits, by bits of a weight: ``8``, ``4``."""
    source: str


@frozen(kw_only=True, eq=False, repr=False)
class KernelCurves:
    """All that is measured of one accelerator."""

    gemm: Mapping[str, GemmCurve] = field(validator=not_empty)
    """By number format."""
    attention: Mapping[str, AttentionKernel] = field(validator=not_empty)
    """By the word that frameworks and engines call a kernel by."""
    sustained: Mapping[str, float] = field(factory=dict, validator=positive_values)
    """Rate of multiplications in a training run that lasts, against the same kernels timed one by one, by format; 1
    where not given. Clocks fall under load, and collectives take some of the cores.
    """
    hbm: float = field(validator=fraction)
    """Of the memory bandwidth, by kernels that only move data."""
    launch_seconds: float = field(default=0.0, validator=not_negative)
    """Of every kernel that only moves data."""
    collectives: Mapping[str, CollectiveCurve] = field(validator=not_empty)
    """By operation, ``all_reduce`` and its like; what was not timed is priced at the least that others reach."""
    network: NetworkCurve
    serving: ServingCurves | None = None
    """None where nothing of the kind was timed: training's curves stand in."""
    borrowed: bool = False
    """Whether they are those of accelerators at large, since nobody timed this one."""
    source: str
