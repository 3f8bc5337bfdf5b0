"""Clusters: what joins accelerators, level by level, from the fastest link outwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

from attrs import asdict, evolve, field, frozen
from attrs.validators import optional

from llmplan.arrays.quantities import Number, minimum, where
from llmplan.errors import BadInputError
from llmplan.records.checks import lookup_name, of_sizes, one_of, positive, positive_values, whole
from llmplan.records.topology import (
    Spanned,
    exchange_bytes_per_second,
    mesh_bytes_per_second,
    spanned,
    torus_bytes_per_second,
)

SWITCH, FULL_MESH, RING, TORUS = "switch", "full-mesh", "ring", "torus"
ROUND = (RING, TORUS)
USUAL = "usual"
"""The name of a cluster that comes with an accelerator."""


@frozen(kw_only=True, eq=False, repr=False)
class Level:
    """Groups of the level below, and how they are joined."""

    name: str = ""
    """Of the link: ``NVLink4``, ``InfiniBand``."""
    topology: str = field(default=SWITCH, validator=one_of(SWITCH, FULL_MESH, RING, TORUS))
    size: int | None = field(default=None, validator=optional(whole))
    """Accelerators inside, those of the levels below counted; None for any number. A torus has that of its dimensions.
    """
    bytes_per_second: float | None = field(default=None, validator=optional(positive))
    """One direction of one accelerator, all its links of this level together; None where the host's link is all."""
    latency_seconds: float | None = field(default=None, validator=optional(positive))
    """Of one step from rank to rank; None for that which was timed of the accelerator."""
    oversubscription: float = field(default=1.0, validator=positive)
    """How many times the links below could carry more than the links of this level."""
    dimensions: tuple[int, ...] = ()
    """Of a torus: accelerators, or groups of the level below, along each axis."""
    slices: tuple[tuple[int, ...], ...] = ()
    """Dimensions that it is lent in, from few to many: a run has the smallest that holds it."""
    wraps_every: int = field(default=1, validator=whole)
    """Axes are rings where their length is a multiple of this, else lines."""
    direct: bool = False
    """Whether its ports are on the accelerator itself, so that nothing crosses the host's link."""
    smaller_groups: Mapping[str, float] = field(factory=dict, validator=[positive_values, of_sizes])
    """Bytes per second of groups that are smaller than the level, by their size, where links are laid unevenly."""

    def __attrs_post_init__(self) -> None:
        if self.topology in ROUND and not self.shapes and self.size is None:
            raise BadInputError(f"dimensions: not given, and the topology is {self.topology}")
        if self.topology not in ROUND and self.shapes:
            raise BadInputError(f"dimensions: given, and the topology is {self.topology}, which has none; torus has")
        for shape in self.shapes:
            if any(side < 1 for side in shape):
                raise BadInputError(f"dimensions: {list(shape)} are not whole numbers of at least 1")
        if len({len(shape) for shape in self.shapes}) > 1:
            raise BadInputError("slices: not all have as many dimensions")
        if self.topology == FULL_MESH and self.size is None:
            raise BadInputError("size: not given, and the topology is full-mesh")
        if self.oversubscription < 1:
            raise BadInputError(f"oversubscription: {self.oversubscription:g} is below 1, at which nothing is shared")

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """The dimensions that a torus may have."""
        return (self.dimensions,) if self.dimensions else self.slices

    @property
    def units(self) -> int | None:
        """Groups of the level below along all axes together; None of what is no torus."""
        return max(prod(shape) for shape in self.shapes) if self.shapes else None

    @property
    def widest(self) -> float:
        """Accelerators inside, infinite where there is no limit."""
        return float("inf") if self.size is None else float(self.size)

    def lies(self, n: Number, stride: Number, devices: Number | None) -> Spanned | None:
        """How n groups of the level below lie on its axes, in a run on so many; None of what has no axes."""
        if self.topology not in ROUND:
            return None
        shapes = self.shapes or ((int(self.widest),),)
        return spanned(_of_run(shapes, devices), n, stride, float(self.wraps_every))

    def reached(self, link: Number, n: Number, lies: Spanned | None, *, exchanging: bool = False) -> Number:
        """Bytes per second that each of n groups of the level below has of a link, all of them at work."""
        if lies is not None:
            axes = float(len(self.shapes[0]) if self.shapes else 1)
            whole_link = torus_bytes_per_second(link, axes, where(n > 1, lies.axes, 1.0))
            if not exchanging:
                return whole_link
            exchanged = exchange_bytes_per_second(link, axes, n, where(n > 1, lies.stretch, 1.0))
            return minimum(whole_link, where(n > 1, exchanged, whole_link))
        if self.topology == FULL_MESH:
            return where(n > 1, mesh_bytes_per_second(link, n, self.widest), link)
        for size, slower in self.smaller_groups.items():
            link = where(n <= float(size), minimum(link, slower), link)
        return link

    def to_a_neighbour(self, link: float) -> float:
        """Of a link, what one accelerator reaches to one other."""
        if self.topology == FULL_MESH:
            return link / max(1.0, self.widest - 1.0)
        if self.topology in ROUND:
            return link / (2 * (len(self.shapes[0]) if self.shapes else 1))
        return min([link, *self.smaller_groups.values()])


def _of_run(shapes: Sequence[tuple[int, ...]], devices: Number | None) -> tuple[Number, ...]:
    """The smallest of the shapes that holds so many, the largest where none does."""
    *smaller, largest = sorted(shapes, key=prod)
    chosen: tuple[Number, ...] = tuple(map(float, largest))
    if devices is None:
        return chosen
    for shape in reversed(smaller):
        fits = devices <= prod(shape)
        chosen = tuple(where(fits, float(one), other) for one, other in zip(shape, chosen, strict=True))
    return chosen


@frozen(kw_only=True, eq=False, repr=False)
class Cluster:
    """Accelerators, what joins them, and the hosts they are in.

    What it leaves out is as in the usual cluster of the accelerator: of the first level as of its first one, so that an
    empty one is that, of others as of its last one.
    """

    name: str = field(default=USUAL, validator=lookup_name)
    description: str = ""
    levels: tuple[Level, ...]
    host_bytes_per_second: float | None = field(default=None, validator=optional(positive))
    """From one accelerator to its host, one direction: PCIe as a rule. What leaves the first level crosses it."""
    host_memory_bytes: float | None = field(default=None, validator=optional(positive))
    """Of a node."""
    gpus_per_node: int | None = field(default=None, validator=optional(whole))
    """Accelerators that share a host; as many as the first level joins where not given."""
    price_per_gpu_hour: float | None = field(default=None, validator=optional(positive))
    source: str = ""

    def __attrs_post_init__(self) -> None:
        if not self.levels:
            raise BadInputError("levels: there is none")
        levels: list[Level] = []
        for place, level in enumerate(self.levels):
            below = (levels[-1].size or (1 if place == 1 else None)) if levels else 1
            sized = level if level.units is None or below is None else evolve(level, size=level.units * below)
            if below is None or sized.widest < below:
                raise BadInputError(f"levels: {level.name or f'number {place + 1}'} is smaller than the one below")
            levels.append(sized)
        object.__setattr__(self, "levels", tuple(levels))

    @property
    def node(self) -> int:
        """How many accelerators share a host."""
        return self.gpus_per_node or self.levels[0].size or 1

    @property
    def size(self) -> float:
        """The most accelerators that it holds."""
        return self.levels[-1].widest

    def link(self, place: int) -> float | None:
        """Bytes per second of one accelerator on a level: what goes beyond the first one crosses the host's link too,
        and shares what is oversubscribed. None where no link is known.
        """
        level = self.levels[place]
        own = None if level.bytes_per_second is None else level.bytes_per_second / level.oversubscription
        if place == 0 or level.direct:
            return own
        links = [one for one in (own, self.host_bytes_per_second) if one is not None]
        return min(links, default=None)

    def around(self, usual: Cluster) -> Cluster:
        """With all that it leaves out as in the usual cluster of an accelerator."""
        first = self.levels[0]
        if first.bytes_per_second is None and first.topology == SWITCH:
            shrunk = usual if first.size is None else usual.with_first(first.size)
            first = evolve(shrunk.levels[0], name=first.name or usual.levels[0].name)
        first = _filled(first, usual.levels[0])
        beyond = [_filled(level, usual.levels[-1]) if len(usual.levels) > 1 else level for level in self.levels[1:]]
        kept = {
            name: getattr(usual, name)
            for name in ("host_bytes_per_second", "host_memory_bytes", "price_per_gpu_hour")
            if getattr(self, name) is None
        }
        node = self.gpus_per_node or (usual.gpus_per_node if first.size == usual.levels[0].size else None)
        return evolve(self, levels=(first, *beyond), gpus_per_node=node, **kept)

    def with_first(self, size: int) -> Cluster:
        """With so many accelerators on the first level, each with the links that it had to each other one."""
        first = self.levels[0]
        link, of_old = first.bytes_per_second, first.widest - 1.0
        if first.topology == FULL_MESH and link is not None and of_old and size > 1:
            link *= (size - 1) / of_old
        topology = SWITCH if first.topology in ROUND else first.topology
        changed = evolve(
            first, size=size, bytes_per_second=link, topology=topology, dimensions=(), slices=(), smaller_groups={}
        )
        levels = tuple(level for level in self.levels[1:] if level.widest > size)
        return evolve(self, levels=(changed, *levels), gpus_per_node=None)


def _filled(level: Level, usual: Level) -> Level:
    link = usual.bytes_per_second if level.bytes_per_second is None else level.bytes_per_second
    return evolve(level, bytes_per_second=link, name=level.name or usual.name)


def two_levels(
    link: float, domain: int, *, name: str = "", beyond: float | None = None, host: float | None = None
) -> Cluster:
    """Accelerators that a link joins in domains, and domains that a network joins, over the hosts' links."""
    levels = [Level(name=name, size=domain, bytes_per_second=link)]
    if beyond is not None or host is not None:
        levels.append(Level(bytes_per_second=beyond))
    return Cluster(levels=tuple(levels), host_bytes_per_second=host)


def is_plain(cluster: Cluster) -> bool:
    """Whether it is one of `two_levels`, without anything else."""
    first, *beyond = cluster.levels
    again = two_levels(
        first.bytes_per_second or 0.0,
        first.size or 1,
        name=first.name,
        beyond=beyond[0].bytes_per_second if beyond else None,
        host=cluster.host_bytes_per_second,
    )
    return asdict(again) == asdict(evolve(cluster, name=again.name))
