"""Accelerators: peaks, memory and links of one device."""

from __future__ import annotations

from collections.abc import Mapping
from functools import wraps
from typing import Any, NamedTuple, TypeVar

from attrs import evolve, field, frozen
from attrs.validators import optional

from llmplan.errors import BadInputError
from llmplan.records.checks import lookup_name, not_negative, positive, positive_values, whole
from llmplan.records.cluster import Cluster, Level, two_levels
from llmplan.records.efficiency import CalibratedEfficiency
from llmplan.records.kernels import KernelCurves

LINKS = (
    "scale_up_bytes_per_second",
    "scale_up_domain",
    "scale_up_link",
    "scale_out_bytes_per_second",
    "host_bytes_per_second",
)
"""What a cluster of two levels is made of."""
Record = TypeVar("Record")


def _made_by_links(record: type[Record]) -> type[Record]:
    """A class that takes the links of a cluster in its place, and beside it: ``evolve(gpu, scale_up_domain=4)``."""
    made_of_fields: Any = record.__init__

    @wraps(made_of_fields)
    def __init__(self: Any, *, cluster: Cluster | None = None, **values: Any) -> None:  # noqa: N807
        links = {name: values.pop(name) for name in LINKS if name in values}
        made_of_fields(self, cluster=_joined(cluster, links), **values)

    record.__init__ = __init__  # type: ignore[method-assign]
    return record


def _joined(cluster: Cluster | None, links: Mapping[str, Any]) -> Cluster:
    """A cluster with these links, in place of those that it has."""
    if cluster is not None and not links:
        return cluster
    _check(links)
    network, host = links.get("scale_out_bytes_per_second"), links.get("host_bytes_per_second")
    if cluster is None:
        if "scale_up_bytes_per_second" not in links:
            raise BadInputError("cluster: not given, nor is scale_up_bytes_per_second")
        link, domain = links["scale_up_bytes_per_second"], links.get("scale_up_domain", 1)
        return two_levels(link, domain, name=links.get("scale_up_link", ""), beyond=network, host=host)
    if "scale_up_domain" in links:
        cluster = cluster.with_first(links["scale_up_domain"])
    first, *beyond = cluster.levels
    named = {"scale_up_bytes_per_second": "bytes_per_second", "scale_up_link": "name"}
    first = evolve(first, **{field: links[name] for name, field in named.items() if name in links})
    if "host_bytes_per_second" in links:
        cluster = evolve(cluster, host_bytes_per_second=host)
    if "scale_out_bytes_per_second" in links:
        beyond = [evolve(level, bytes_per_second=network) for level in beyond or [Level()]]
    if cluster.host_bytes_per_second is None:
        beyond = [level for level in beyond if level.bytes_per_second is not None]
    return evolve(cluster, levels=(first, *(beyond or [Level()] * (cluster.host_bytes_per_second is not None))))


def _check(links: Mapping[str, Any]) -> None:
    whole(None, _Called("scale_up_domain"), links.get("scale_up_domain", 1))
    for name in ("scale_up_bytes_per_second", "scale_out_bytes_per_second", "host_bytes_per_second"):
        if name in links and (links[name] is not None or name == "scale_up_bytes_per_second"):
            positive(None, _Called(name), links[name])


class _Called(NamedTuple):
    """What a check calls a value."""

    name: str


@_made_by_links
@frozen(kw_only=True, eq=False, repr=False)
class HardwareProfile:
    """One accelerator as its datasheet prints it. Rates are dense, bandwidths of one direction and one device.

    It is made with a cluster, or with the links of one of two levels: `scale_up_bytes_per_second`, `scale_up_domain`,
    `scale_up_link`, `scale_out_bytes_per_second`, `host_bytes_per_second`; beside a cluster they change it. What the
    device has not got is absent: a format without units of its own is no key of `peak_flops`, a link that is not
    published is None.
    """

    name: str = field(validator=lookup_name)
    vendor: str = ""
    architecture: str = ""
    memory_bytes: float = field(validator=positive)
    """What the driver reports as total memory; context and allocator reserve still come off it."""
    memory_bytes_per_second: float = field(validator=positive)
    peak_flops: Mapping[str, float] = field(validator=positive_values)
    """FLOP/s (or integer operations/s) by number format: ``fp32`` is the vector rate, the others tensor cores."""
    cluster: Cluster
    """What usually joins them, or what joins them in this plan."""
    context_line: str = "driver_context"
    """What breakdowns call the memory that its driver and libraries hold: ``cuda_context``."""
    tdp_watts: float | None = field(default=None, validator=optional(positive))
    l2_bytes: float | None = field(default=None, validator=optional(positive))
    sm_count: int | None = field(default=None, validator=optional(whole))
    fp16_sum_rate: float | None = field(default=None, validator=optional(positive))
    """Of multiplications in FP16 that add in FP16, against those that add in FP32; None where as fast."""
    clock_hertz: float | None = field(default=None, validator=optional(positive))
    """At which its cores run while memory binds."""
    reserved_bytes: float = field(default=0.0, validator=not_negative)
    """Of memory_bytes, what the driver keeps: its tool counts it, programs do not get it."""
    launch_year: int | None = field(default=None, validator=optional(whole))
    efficiency: CalibratedEfficiency | None = None
    kernels: KernelCurves | None = None
    """What its kernels and links reach by shape, where they were timed, or those of its nearest relative."""
    aliases: tuple[str, ...] = ()
    """Other names that tables of measurements know it by: ``A100-SXM4-80GB``."""
    sources: Mapping[str, str] = field(factory=dict)
    """Where each number comes from, by field name; formats as ``peak_flops.int8``."""
    confidence: str = ""
    note: str = ""

    @property
    def scale_up_link(self) -> str:
        """Of the first level: NVLink, xGMI, ICI, or PCIe where there is nothing faster."""
        return self.cluster.levels[0].name

    @property
    def scale_up_bytes_per_second(self) -> float:
        """Of the first level, all links of one accelerator together."""
        return self.cluster.link(0) or 0.0

    @property
    def scale_up_domain(self) -> int:
        """How many devices share the first level."""
        return self.cluster.levels[0].size or 1

    @property
    def scale_out_bytes_per_second(self) -> float | None:
        """The network between domains: the second level; None where none is published."""
        return self.cluster.levels[1].bytes_per_second if len(self.cluster.levels) > 1 else None

    @property
    def host_bytes_per_second(self) -> float | None:
        """The link to the host, PCIe as a rule."""
        return self.cluster.host_bytes_per_second

    @property
    def beyond_domain_bytes_per_second(self) -> float | None:
        """The slowest link that a group crosses when it leaves the first level; None where none is published."""
        return self.cluster.link(1) if len(self.cluster.levels) > 1 else None
