"""Accelerators in another cluster than their usual one."""

from __future__ import annotations

from attrs import evolve

from llmplan.errors import BadInputError
from llmplan.records import Cluster, HardwareProfile, Level
from llmplan.records.cluster import ROUND
from llmplan.units import GBIT, GIB, GIGA


def wired(
    hardware: HardwareProfile,
    given: Cluster | None,
    nic_gbits: float | None,
    gpus_per_node: int | None,
    oversubscription: float | None,
    host_memory_gib: float | None = None,
) -> tuple[Cluster, str]:
    """The cluster that is asked for, in words too; what it leaves out is as usual."""
    cluster = hardware.cluster if given is None else given.around(hardware.cluster)
    if gpus_per_node is not None:
        cluster = _with_nodes(cluster, gpus_per_node)
    if nic_gbits is not None:
        cluster = _with_network(cluster, nic_gbits * GBIT / cluster.node)
    if oversubscription is not None:
        cluster = _oversubscribed(cluster, oversubscription, hardware.name)
    if host_memory_gib is not None:
        cluster = evolve(cluster, host_memory_bytes=host_memory_gib * GIB)
    if cluster.levels[0].size is None:
        raise BadInputError(f"cluster: {cluster.name}: levels[0].size: not given")
    if cluster.link(0) is None:
        raise BadInputError(f"cluster: {cluster.name}: levels[0].bandwidth_gb_per_s: not given")
    name = "" if given is None else f"{cluster.name}, "
    return cluster, f"cluster {name}{in_words(cluster)}"


def in_words(cluster: Cluster) -> str:
    """Its levels and hosts: ``NVLink4 8 x 450 GB/s, any number x 3.12 GB/s, 8 a node``."""
    levels = [_level_words(cluster, place) for place in range(len(cluster.levels))]
    host = [] if cluster.host_memory_bytes is None else [f"hosts of {cluster.host_memory_bytes / GIB:,.4g} GiB"]
    return ", ".join([*levels, f"{cluster.node} a node", *host])


def _level_words(cluster: Cluster, place: int) -> str:
    level, link = cluster.levels[place], cluster.link(place)
    many = "any number" if level.size is None else f"{level.size:,}"
    if level.dimensions:
        many = "x".join(map(str, level.dimensions)) + f" {level.topology}"
    elif level.topology not in ("switch", *ROUND):
        many = f"{many} in a {level.topology.replace('-', ' ')}"
    reached = "" if link is None else f" x {link / GIGA:,.3g} GB/s"
    shared = f" ({level.oversubscription:g} share it)" if level.oversubscription > 1 else ""
    return f"{level.name} {many}{reached}{shared}".lstrip()


def _with_nodes(cluster: Cluster, gpus_per_node: int) -> Cluster:
    """A first level that ends with the node ends with it still; one that goes on from node to node stays, and so does a
    bridge that joins some of a node.
    """
    first = cluster.levels[0]
    goes_on = first.topology in ROUND or (cluster.gpus_per_node is not None and cluster.gpus_per_node != first.size)
    if goes_on or 1 < (first.size or 1) < gpus_per_node:
        return evolve(cluster, gpus_per_node=gpus_per_node)
    return cluster if first.size == gpus_per_node else cluster.with_first(gpus_per_node)


def _with_network(cluster: Cluster, link: float) -> Cluster:
    first, *beyond = cluster.levels
    changed = [evolve(level, bytes_per_second=link) for level in beyond or [Level()]]
    return evolve(cluster, levels=(first, *changed))


def _oversubscribed(cluster: Cluster, times: float, name: str) -> Cluster:
    *below, outermost = cluster.levels
    if not below or cluster.link(len(below)) is None:
        raise BadInputError(f"oversubscription: {times:g}, and {name} has no network in this cluster; give nic-gbits")
    link = outermost.bytes_per_second or cluster.host_bytes_per_second
    return evolve(cluster, levels=(*below, evolve(outermost, oversubscription=times, bytes_per_second=link)))
