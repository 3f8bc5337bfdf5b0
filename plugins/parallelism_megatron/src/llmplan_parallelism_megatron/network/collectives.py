"""Seconds of collectives, over the links that their groups really cross."""

from __future__ import annotations

from llmplan.arrays.quantities import Number, ceil_log2, maximum, minimum, sqrt, where
from llmplan.records import CollectiveCurve
from llmplan_parallelism_megatron.kernels.reached import Kernels
from llmplan_parallelism_megatron.network.groups import Group


def all_reduce_seconds(message_bytes: Number, group: Group, of: Kernels) -> Number:
    """Every rank ends with the sum: V = 2 M (n - 1)/n bytes a rank (Patarasuk and Yuan 2009, section 4)."""
    return _seconds("all_reduce", 2.0 * message_bytes, group, of)


def all_gather_seconds(message_bytes: Number, group: Group, of: Kernels) -> Number:
    """Every rank ends with all M bytes: V = M (n - 1)/n."""
    return _seconds("all_gather", message_bytes, group, of)


def reduce_scatter_seconds(message_bytes: Number, group: Group, of: Kernels) -> Number:
    """Every rank ends with its share of the sum of M bytes: V = M (n - 1)/n."""
    return _seconds("reduce_scatter", message_bytes, group, of)


def all_to_all_seconds(message_bytes: Number, group: Group, of: Kernels) -> Number:
    """Every rank sends each other one its share of M bytes: V = M (n - 1)/n."""
    return _seconds("all_to_all", message_bytes, group, of)


def _seconds(operation: str, volume: Number, group: Group, of: Kernels) -> Number:
    """0 for one rank; inside a domain its curve; across domains the slower of the two links, and network latency."""
    ranks = group.ranks
    inside = group.inside(of.hardware.scale_up_domain)
    within = _within_seconds(of.curves.collectives[operation], volume * (inside - 1) / inside, inside, of)
    domains = ranks / inside
    beyond = _beyond_seconds(operation, volume / inside * (domains - 1) / domains, domains, of)
    return where(ranks > 1, where(domains > 1, maximum(within * (inside > 1), beyond), within), 0.0)


def _within_seconds(curve: CollectiveCurve, rank_bytes: Number, ranks: Number, of: Kernels) -> Number:
    """Launch + (n - 1) step + (V + sqrt(V V_half)) / (link x plateau x n / (n + n_half))."""
    bandwidth = of.hardware.scale_up_bytes_per_second * curve.plateau * ranks / (ranks + curve.half_ranks)
    ramp = sqrt(rank_bytes * curve.half_bytes)
    return curve.launch_seconds + (ranks - 1) * curve.step_seconds + (rank_bytes + ramp) / bandwidth


def _beyond_seconds(operation: str, rank_bytes: Number, domains: Number, of: Kernels) -> Number:
    """The share of a rank through its network card, ring or tree, whichever is faster.

    A ring takes a step a domain, twice in an all-reduce; a tree log2 of them, but sends M where a ring sends
    M (n - 1)/n (Sanders et al. 2009, doi:10.1016/j.parco.2009.09.001).
    """
    network, bandwidth = of.curves.network, of.network_bytes_per_second
    passes = 2.0 if operation == "all_reduce" else 1.0
    ring = passes * (domains - 1) * network.step_seconds + rank_bytes / bandwidth
    more = domains / maximum(domains - 1, 1.0)
    tree = passes * ceil_log2(domains) * network.step_seconds + rank_bytes * more / bandwidth
    return minimum(ring, tree)


def point_to_point_seconds(message_bytes: Number, span: Number, of: Kernels) -> Number:
    """To the next rank of a group that spans so many: over the scale-up link where all of it lies inside the domain,
    else over the network card, which the slowest of its hops crosses.
    """
    hardware, curves = of.hardware, of.curves
    inside = hardware.scale_up_bytes_per_second * curves.collectives["all_to_all"].plateau
    near = curves.launch_seconds + message_bytes / inside
    far = curves.network.step_seconds + message_bytes / of.network_bytes_per_second
    return where(span < hardware.scale_up_domain, near, far)
