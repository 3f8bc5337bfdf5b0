"""A cluster as it is written in TOML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, fields, frozen
from attrs.validators import optional

from llmplan.records.checks import of_sizes, positive, positive_values, whole
from llmplan.records.cluster import SWITCH, USUAL, Cluster, Level
from llmplan.units import GIB, GIGA

_MICRO = 1e-6
_LEVEL_UNITS: Mapping[str, tuple[str, float]] = {
    "bandwidth_gb_per_s": ("bytes_per_second", GIGA),
    "latency_us": ("latency_seconds", _MICRO),
}
_CLUSTER_UNITS: Mapping[str, tuple[str, float]] = {
    "host_bandwidth_gb_per_s": ("host_bytes_per_second", GIGA),
    "host_memory_gib": ("host_memory_bytes", GIB),
}
"""The record's field that a key stands for, and how much of it one of the file's units is."""


@frozen(kw_only=True, eq=False, repr=False)
class LevelFile:
    """A level in TOML. Bandwidths are of one direction and one accelerator."""

    name: str = ""
    topology: str = SWITCH
    size: int | None = field(default=None, validator=optional(whole))
    bandwidth_gb_per_s: float | None = field(default=None, validator=optional(positive))
    latency_us: float | None = field(default=None, validator=optional(positive))
    oversubscription: float = field(default=1.0, validator=positive)
    dimensions: tuple[int, ...] = ()
    slices: tuple[tuple[int, ...], ...] = ()
    wraps_every: int = field(default=1, validator=whole)
    direct: bool = False
    smaller_groups: Mapping[str, float] = field(factory=dict, validator=[positive_values, of_sizes])
    """GB/s by size."""

    def record(self) -> Level:
        """The level in SI units, as formulas read it."""
        smaller = {size: link * GIGA for size, link in self.smaller_groups.items()}
        return Level(**{**_in_si(self, _LEVEL_UNITS), "smaller_groups": smaller})

    @staticmethod
    def of(level: Level) -> LevelFile:
        """The table that would describe a level."""
        smaller = {size: link / GIGA for size, link in level.smaller_groups.items()}
        size = None if level.shapes else level.size
        return LevelFile(**{**_in_units(level, LevelFile, _LEVEL_UNITS), "smaller_groups": smaller, "size": size})


@frozen(kw_only=True, eq=False, repr=False)
class ClusterFile:
    """A cluster in TOML; what it leaves out is as in the usual cluster of the accelerator."""

    name: str = USUAL
    description: str = ""
    gpus_per_node: int | None = field(default=None, validator=optional(whole))
    host_bandwidth_gb_per_s: float | None = field(default=None, validator=optional(positive))
    host_memory_gib: float | None = field(default=None, validator=optional(positive))
    price_per_gpu_hour: float | None = field(default=None, validator=optional(positive))
    source: str = ""
    levels: tuple[LevelFile, ...]

    def record(self) -> Cluster:
        """The cluster in SI units, as formulas read it."""
        return Cluster(**{**_in_si(self, _CLUSTER_UNITS), "levels": tuple(level.record() for level in self.levels)})

    @staticmethod
    def of(cluster: Cluster) -> ClusterFile:
        """The file that would describe a cluster."""
        levels = tuple(LevelFile.of(level) for level in cluster.levels)
        return ClusterFile(**{**_in_units(cluster, ClusterFile, _CLUSTER_UNITS), "levels": levels})


def _in_si(file: Any, units: Mapping[str, tuple[str, float]]) -> dict[str, Any]:
    values = {of.name: getattr(file, of.name) for of in fields(type(file))}
    for key, (name, unit) in units.items():
        value = values.pop(key)
        values[name] = value if value is None else value * unit
    return values


def _in_units(record: Any, file: type[Any], units: Mapping[str, tuple[str, float]]) -> dict[str, Any]:
    values = {of.name: getattr(record, of.name) for of in fields(file) if of.name not in units}
    for key, (name, unit) in units.items():
        value = getattr(record, name)
        values[key] = value if value is None else value / unit
    return values
