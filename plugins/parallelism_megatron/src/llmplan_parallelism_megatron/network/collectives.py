"""Seconds of collectives, over the links that their groups really cross.

Libraries have trees for all-reduce alone (NCCL: src/graph/tuning.cc); all-gather and reduce-scatter run rings, and
all-to-all exchanges pair by pair (Thakur et al. 2005, doi:10.1177/1094342005051521), so that their latency grows with
the domains.
"""

from __future__ import annotations

from typing import NamedTuple

from attrs import evolve

from llmplan.arrays.quantities import Number, maximum, minimum, where
from llmplan.arrays.term import term
from llmplan.records import CollectiveCurve, NetworkCurve
from llmplan.records.cluster import ROUND
from llmplan_parallelism_megatron.kernels.reached import Kernels, collective_curve
from llmplan_parallelism_megatron.network.groups import Group

_TIMED = 8
"""Accelerators in the domains that curves were timed in; what a ring takes around more is extrapolated."""


def all_reduce_seconds(message_bytes: Number, group: Group, kernels: Kernels) -> Number:
    """Every rank ends with the sum: V = 2 M (n - 1)/n bytes a rank (Patarasuk and Yuan 2009, section 4)."""
    return _seconds("all_reduce", 2.0, message_bytes, group, kernels)


def all_gather_seconds(message_bytes: Number, group: Group, kernels: Kernels) -> Number:
    """Every rank ends with all M bytes: V = M (n - 1)/n."""
    return _seconds("all_gather", 1.0, message_bytes, group, kernels)


def reduce_scatter_seconds(message_bytes: Number, group: Group, kernels: Kernels) -> Number:
    """Every rank ends with its share of the sum of M bytes: V = M (n - 1)/n."""
    return _seconds("reduce_scatter", 1.0, message_bytes, group, kernels)


def all_to_all_seconds(message_bytes: Number, group: Group, kernels: Kernels, copies: Number = 1.0) -> Number:
    """Every rank sends each other one its share of M bytes: V = M (n - 1)/n; of so many copies of a token, those that
    go the same way are sent once.
    """
    return _seconds("all_to_all", 1.0, message_bytes, group, kernels, copies)


def _seconds(
    operation: str, passes: float, message_bytes: Number, group: Group, kernels: Kernels, copies: Number = 1.0
) -> Number:
    """0 for one rank; else the least of what it takes with the domain as it is, and as several smaller ones: a library
    takes the fastest of its ways, and what was timed in domains of eight is no faster for a ring around many more.
    """
    levels = kernels.hardware.cluster.levels
    volume, whole = passes * message_bytes, levels[0].size
    ways = Ways(operation, passes, copies)
    seconds = _over_levels(ways, volume, group, kernels, whole)
    if whole is not None and len(levels) > 1 and levels[0].topology not in ROUND:
        while whole > _TIMED:
            whole = max(whole // 2, _TIMED)
            seconds = minimum(seconds, _over_levels(ways, volume, group, kernels, whole))
    return where(group.ranks > 1, seconds, 0.0)


class Ways(NamedTuple):
    """What is done with a message."""

    operation: str
    passes: float
    copies: Number
    """Of each token, that go to ranks of their own choice; 1 where each is sent by itself."""

    def crossing(self, volume: Number, group: Group, below: Number) -> Number:
        """Of it, what crosses a level: what the level below has summed or keeps for itself; of an all-to-all all of
        it, since nothing is in common, or one copy for each group of the level below.
        """
        return (
            volume * sent_once(self.copies, group.ranks / below) if self.operation == "all_to_all" else volume / below
        )


@term(
    "n * (1 - (1 - 1/n)**k) / k", unit="of the copies", source="Zhao et al. 2025, DeepEP, github.com/deepseek-ai/DeepEP"
)
def sent_once(k: Number, n: Number) -> Number:
    """Of k copies of a token that go to any of n places, those that are left where a place gets one for all its ranks,
    which hand it on; 1 where each copy is sent.
    """
    left: Number = n * (1.0 - (1.0 - 1.0 / n) ** k) / k
    return left


def _over_levels(ways: Ways, volume: Number, group: Group, kernels: Kernels, domain: int | None) -> Number:
    """That of the slowest level that the group crosses, where so many accelerators share the first: all of them work at
    the same time.
    """
    seconds, below = 0.0, 1.0
    for place, level in enumerate(kernels.hardware.cluster.levels):
        inside = group.inside(domain if place == 0 else level.size)
        across = Across(ways.operation, ways.passes, place, inside / below, group, below)
        crossing = ways.crossing(volume, group, below)
        took = _outer_seconds(crossing, across, kernels) if place else _first_seconds(crossing, across, kernels)
        seconds = maximum(took * (across.n > 1), seconds)
        below = inside
    return seconds


class Across(NamedTuple):
    """A collective on one level of a cluster."""

    operation: str
    passes: float
    place: int
    """Of the level, from 0."""
    n: Number
    """Groups of the level below that take part."""
    group: Group
    below: Number
    """Ranks of each of these."""

    def link(self, kernels: Kernels) -> tuple[Number, Number]:
        """Bytes per second of one rank, and the steps around where the level is a torus, 0 elsewhere."""
        hardware, level = kernels.hardware, kernels.hardware.cluster.levels[self.place]
        link = hardware.cluster.link(self.place) or hardware.scale_up_bytes_per_second
        units = 1.0 if self.place == 0 else float(hardware.cluster.levels[self.place - 1].size or 1)
        lies = level.lies(self.n, maximum(1.0, self.group.stride / units), self.group.devices)
        exchanging = self.operation == "all_to_all"
        return level.reached(link, self.n, lies, exchanging=exchanging), 0.0 if lies is None else lies.steps


def _first_seconds(volume: Number, across: Across, kernels: Kernels) -> Number:
    """On the level that the accelerator's curves were timed on."""
    curve = collective_curve(kernels.curves, across.operation)
    level = kernels.hardware.cluster.levels[0]
    if level.latency_seconds is not None:
        curve = curve.of_steps(level.latency_seconds)
    return _on_first(curve, volume, across, kernels)


def own_seconds(curve: CollectiveCurve, volume: Number, group: Group, kernels: Kernels) -> Number:
    """Of a program's own kernels, in a group that lies on the first level."""
    return _on_first(curve, volume, Across("all_reduce", 2.0, 0, group.ranks, group, 1.0), kernels)


def _on_first(curve: CollectiveCurve, volume: Number, across: Across, kernels: Kernels) -> Number:
    link, steps = across.link(kernels)
    if kernels.hardware.cluster.levels[0].topology in ROUND:
        return curve.torus_seconds(volume, across.n, steps, link)
    return curve.seconds(volume, across.n, link)


def _outer_seconds(volume: Number, across: Across, kernels: Kernels) -> Number:
    """Over the network, whose libraries have trees for all-reduce alone."""
    network, n = network_curve(kernels, across.place), across.n
    link = across.link(kernels)[0]
    if across.operation == "all_to_all":
        return network.ring_seconds(volume, n, across.passes, link)
    around = ring_volume(volume, n, across.below)
    seconds = network.ring_seconds(around, n, across.passes, link)
    if across.operation == "all_reduce":
        seconds = minimum(seconds, network.tree_seconds(volume, n, across.passes, link))
    return seconds


@term(
    "volume * (1 - 1/(n * inside)) / max(1 - 1/n, 1/2)",
    unit="bytes",
    source="NVIDIA/nccl, src/device/all_gather.h; github.com/NVIDIA/nccl/issues/1411",
)
def ring_volume(volume: Number, n: Number, inside: Number) -> Number:
    """A ring goes through all ranks, those inside of a domain too, so that each link between n domains carries all but
    the share of one rank, where of whole domains it would carry all but the share of one domain: twice as much at two.
    """
    return volume * (1.0 - 1.0 / (n * inside)) / maximum(1.0 - 1.0 / n, 0.5)


def network_curve(kernels: Kernels, place: int) -> NetworkCurve:
    """Of a level beyond the first."""
    latency = kernels.hardware.cluster.levels[place].latency_seconds
    network = kernels.curves.network
    return network if latency is None else evolve(network, step_seconds=latency)


def point_to_point_seconds(message_bytes: Number, span: Number, kernels: Kernels) -> Number:
    """To the next rank of a group that spans so many, over the outermost level that one of its hops crosses."""
    cluster, curves = kernels.hardware.cluster, kernels.curves
    first = cluster.levels[0]
    inside = first.to_a_neighbour(kernels.hardware.scale_up_bytes_per_second)
    inside *= collective_curve(curves, "all_to_all").plateau
    seconds: Number = curves.launch_seconds + message_bytes / inside
    for place, level in enumerate(cluster.levels[1:], start=1):
        link = level.to_a_neighbour(cluster.link(place) or kernels.hardware.scale_up_bytes_per_second)
        far = network_curve(kernels, place).hop_seconds(message_bytes, link)
        seconds = where(span < cluster.levels[place - 1].widest, seconds, far)
    return seconds
