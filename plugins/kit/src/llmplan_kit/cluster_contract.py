"""Contracts of clusters, an accelerator's own among them; `llmplan.testing` is the door to them."""

from __future__ import annotations

from itertools import pairwise

from llmplan import records
from llmplan.catalogues import CLUSTERS
from llmplan_kit.contracts import LONGEST_LAUNCH, SHORTEST_LAUNCH, check_within, checked_name, require

_LINK = (1e8, 1e16)
"""Bytes per second of a link: wide enough for any; one in GB/s falls outside."""
_OF_ALL = {
    "host_memory_bytes": (1e9, 1e15, "in bytes"),
    "host_bytes_per_second": (1e8, 1e14, "in bytes per second"),
    "gpus_per_node": (1, 1_024, "of one host"),
    "price_per_gpu_hour": (0.01, 1_000.0, "of one accelerator and one hour"),
}


def check_cluster(cluster: records.Cluster) -> None:
    """It has a source, its numbers have the size of their SI units, and no group reaches more than its links."""
    name = checked_name(CLUSTERS, cluster)
    require(cluster.source, f"{name}: no source")
    check_levels(name, cluster)


def check_levels(name: str, cluster: records.Cluster) -> None:
    """Numbers of a cluster, whoever's it is, have the size of their SI units, and links get slower outwards."""
    check_within(name, cluster, _OF_ALL)
    low, high = _LINK
    for place, level in enumerate(cluster.levels):
        where, link, latency = f"{name}: levels.{place}", level.bytes_per_second, level.latency_seconds
        plausible = link is None or low <= link <= high
        require(plausible, f"{where}: bytes_per_second: {link} is not in {low:g} to {high:g}: is it in SI units?")
        short = latency is None or SHORTEST_LAUNCH <= latency <= LONGEST_LAUNCH
        require(
            short,
            f"{where}: latency_seconds: {latency} is not in {SHORTEST_LAUNCH:g} to {LONGEST_LAUNCH:g}: in seconds?",
        )
        for n in (2.0, 4.0) if (level.size or 0) > 1 or level.size is None else ():
            reached = level.reached(1.0, n, level.lies(n, 1.0, None))
            require(0 < reached <= 1, f"{where}: a group of {n:g} reaches {reached:g} of a link")
    links = [level.bytes_per_second for level in cluster.levels if level.bytes_per_second is not None]
    for inner, outer in pairwise(links):
        slower = outer <= inner or (cluster.levels[0].size or 0) == 1
        require(
            slower, f"{name}: levels: a link of {outer:g} bytes/s beyond one of {inner:g}: from the inside outwards"
        )
