"""Seconds of collectives, over the links that their groups really cross.

Libraries have trees for all-reduce alone (NCCL: src/graph/tuning.cc); all-gather and reduce-scatter run rings, and
all-to-all exchanges pair by pair (Thakur et al. 2005, doi:10.1177/1094342005051521), so that their latency grows with
the domains.
"""

from __future__ import annotations

from llmplan.arrays.quantities import Number, maximum, minimum, where
from llmplan_parallelism_megatron.kernels.reached import Kernels, collective_curve
from llmplan_parallelism_megatron.network.groups import Group


def all_reduce_seconds(message_bytes: Number, group: Group, kernels: Kernels) -> Number:
    """Every rank ends with the sum: V = 2 M (n - 1)/n bytes a rank (Patarasuk and Yuan 2009, section 4)."""
    return _seconds("all_reduce", 2.0, message_bytes, group, kernels)


def all_gather_seconds(message_bytes: Number, group: Group, kernels: Kernels) -> Number:
    """Every rank ends with all M bytes: V = M (n - 1)/n."""
    return _seconds("all_gather", 1.0, message_bytes, group, kernels)


def reduce_scatter_seconds(message_bytes: Number, group: Group, kernels: Kernels) -> Number:
    """Every rank ends with its share of the sum of M bytes: V = M (n - 1)/n."""
    return _seconds("reduce_scatter", 1.0, message_bytes, group, kernels)


def all_to_all_seconds(message_bytes: Number, group: Group, kernels: Kernels) -> Number:
    """Every rank sends each other one its share of M bytes: V = M (n - 1)/n."""
    return _seconds("all_to_all", 1.0, message_bytes, group, kernels)


def _seconds(operation: str, passes: float, message_bytes: Number, group: Group, kernels: Kernels) -> Number:
    """0 for one rank; inside a domain its curve; across domains the slower of the two links, and network latency."""
    hardware, curves = kernels.hardware, kernels.curves
    volume, ranks = passes * message_bytes, group.ranks
    inside = group.inside(hardware.scale_up_domain)
    within = collective_curve(curves, operation).seconds(volume, inside, hardware.scale_up_bytes_per_second)
    domains = ranks / inside
    crossing = volume / inside, domains, passes, kernels.card_bytes_per_second
    beyond = curves.network.ring_seconds(*crossing)
    if operation == "all_reduce":
        beyond = minimum(beyond, curves.network.tree_seconds(*crossing))
    return where(ranks > 1, where(domains > 1, maximum(within * (inside > 1), beyond), within), 0.0)


def point_to_point_seconds(message_bytes: Number, span: Number, kernels: Kernels) -> Number:
    """To the next rank of a group that spans so many: over the scale-up link where all of it lies inside the domain,
    else over the network card, which the slowest of its hops crosses.
    """
    hardware, curves = kernels.hardware, kernels.curves
    inside = hardware.scale_up_bytes_per_second * collective_curve(curves, "all_to_all").plateau
    near = curves.launch_seconds + message_bytes / inside
    far = curves.network.hop_seconds(message_bytes, kernels.card_bytes_per_second)
    return where(span < hardware.scale_up_domain, near, far)
