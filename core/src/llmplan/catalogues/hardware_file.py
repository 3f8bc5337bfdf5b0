"""An accelerator as it is written in TOML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attrs import evolve, field, fields, frozen
from attrs.validators import optional

from llmplan.errors import BadInputError
from llmplan.lazily import lazily
from llmplan.records import (
    AttentionCurve,
    AttentionKernel,
    CalibratedEfficiency,
    GemmCurve,
    HardwareProfile,
    KernelCurves,
)
from llmplan.records.checks import not_negative, positive, whole
from llmplan.records.cluster import is_plain
from llmplan.units import GBIT, GIB, GIGA, MEGA, MIB, TERA

if TYPE_CHECKING:
    from llmplan.catalogues.cluster_file import ClusterFile

__getattr__, __all__ = lazily(__name__, {"llmplan.catalogues.cluster_file": "ClusterFile"})

_UNITS: Mapping[str, tuple[str, float]] = {
    "memory_gib": ("memory_bytes", GIB),
    "memory_bandwidth_gb_per_s": ("memory_bytes_per_second", GIGA),
    "scaleup_link": ("scale_up_link", 1),
    "scaleup_bandwidth_gb_per_s": ("scale_up_bytes_per_second", GIGA),
    "scaleup_domain_size": ("scale_up_domain", 1),
    "scaleout_nic_gbits_per_gpu": ("scale_out_bytes_per_second", GBIT),
    "pcie_bandwidth_gb_per_s": ("host_bytes_per_second", GIGA),
    "tdp_w": ("tdp_watts", 1),
    "l2_mb": ("l2_bytes", MIB),
    "boost_clock_mhz": ("clock_hertz", MEGA),
    "reserved_gib": ("reserved_bytes", GIB),
}
"""The record's field that a key stands for, and how much of it one of the file's units is."""
_DIGITS = 12
"""As many as any datasheet prints; a number with more is one that was divided."""


@frozen(kw_only=True, eq=False, repr=False)
class HardwareFile:
    """An accelerator in TOML, in the units of datasheets. Rates are dense, bandwidths of one direction and device."""

    name: str
    vendor: str = ""
    architecture: str = ""
    launch_year: int | None = field(default=None, validator=optional(whole))
    memory_gib: float = field(validator=positive)
    memory_bandwidth_gb_per_s: float = field(validator=positive)
    fp32_tflops: float | None = field(default=None, validator=optional(positive))
    tf32_tflops: float | None = field(default=None, validator=optional(positive))
    fp16_tflops: float | None = field(default=None, validator=optional(positive))
    bf16_tflops: float | None = field(default=None, validator=optional(positive))
    fp8_tflops: float | None = field(default=None, validator=optional(positive))
    fp4_tflops: float | None = field(default=None, validator=optional(positive))
    int8_tops: float | None = field(default=None, validator=optional(positive))
    int4_tops: float | None = field(default=None, validator=optional(positive))
    scaleup_link: str = ""
    scaleup_bandwidth_gb_per_s: float = field(validator=positive)
    scaleup_domain_size: int | None = field(default=None, validator=optional(whole))
    scaleout_nic_gbits_per_gpu: float | None = field(default=None, validator=optional(positive))
    pcie_bandwidth_gb_per_s: float | None = field(default=None, validator=optional(positive))
    tdp_w: float | None = field(default=None, validator=optional(positive))
    l2_mb: float | None = field(default=None, validator=optional(positive))
    sm_count: int | None = field(default=None, validator=optional(whole))
    boost_clock_mhz: float | None = field(default=None, validator=optional(positive))
    fp16_sum_rate: float | None = field(default=None, validator=optional(positive))
    reserved_gib: float = field(default=0.0, validator=not_negative)
    context_line: str = field(default=fields(HardwareProfile).context_line.default)
    aliases: tuple[str, ...] = ()
    confidence: str = ""
    note: str = ""
    sources: Mapping[str, str] = field(factory=dict)
    """By key."""
    clock: float | None = field(default=None, validator=optional(positive))
    """Over that at which the curves of `kernels` were timed: of what multiplications and attention reach."""
    efficiency: CalibratedEfficiency | None = None
    kernels: KernelCurves | None = None
    cluster: ClusterFile | None = None
    """Of more than two levels, or of levels that are no switches; keys of links beside it change it."""

    def record(self) -> HardwareProfile:
        """The accelerator in SI units, as formulas read it."""
        rates = {name: value for name in _RATES if (value := getattr(self, name)) is not None}
        if not rates:
            raise BadInputError("fp16_tflops: no rate is given at all; one of " + ", ".join(_RATES))
        same = {of.name: getattr(self, of.name) for of in fields(HardwareFile) if of.name in _SAME}
        for key, (name, unit) in _UNITS.items():
            value = getattr(self, key)
            if value is not None and (value != "" or self.cluster is None):
                same[name] = value if unit == 1 else value * unit
        if self.cluster is not None:
            same["cluster"] = self.cluster.record()
        return HardwareProfile(
            **same,
            peak_flops={name.split("_")[0]: rate * TERA for name, rate in rates.items()},
            sources={self._field(key): text for key, text in self.sources.items() if key != "clock"},
            kernels=self._at_clock(),
        )

    def _at_clock(self) -> KernelCurves | None:
        if self.kernels is None or self.clock is None:
            return self.kernels
        return at_clock(self.kernels, self.clock, self.sources.get("clock", ""))

    @staticmethod
    def of(profile: HardwareProfile) -> HardwareFile:
        """The file that would describe an accelerator."""
        given: dict[str, Any] = {name: getattr(profile, name) for name in (*_SAME, "kernels")}
        for key, (name, unit) in _UNITS.items():
            given[key] = _in_units(getattr(profile, name), unit)
        if not is_plain(profile.cluster):
            from llmplan.catalogues.cluster_file import ClusterFile

            given |= {
                **dict.fromkeys(LINK_KEYS),
                "scaleup_link": "",
                _LINK: given[_LINK],
                "cluster": ClusterFile.of(profile.cluster),
            }
        elif given["scaleup_domain_size"] == 1:
            given["scaleup_domain_size"] = None
        for key in _RATES:
            given[key] = _in_units(profile.peak_flops.get(key.split("_")[0]), TERA)
        keys = {HardwareFile._field(key): key for key in (*_UNITS, *_RATES)}
        sources = {keys.get(name, name): text for name, text in profile.sources.items()}
        return HardwareFile(**given, sources=sources)

    @staticmethod
    def _field(key: str) -> str:
        """What a key is called in the sources of the record."""
        if key in _RATES:
            return f"peak_flops.{key.split('_', maxsplit=1)[0]}"
        return _UNITS[key][0] if key in _UNITS else key


_RATES = tuple(of.name for of in fields(HardwareFile) if of.name.endswith(("_tflops", "_tops")))
_LINK = "scaleup_bandwidth_gb_per_s"
LINK_KEYS = tuple(key for key in _UNITS if key.startswith(("scale", "pcie")))
"""What a cluster of two levels is made of."""
_ITS_OWN = {*_UNITS, *_RATES, "sources", "clock", "kernels", "cluster"}
_SAME = tuple(of.name for of in fields(HardwareFile) if of.name not in _ITS_OWN)


def _in_units(value: Any, unit: float) -> Any:
    """The shortest number of the file that is this one in SI."""
    if not isinstance(value, (int, float)) or unit == 1:
        return value
    short = round(value / unit, _DIGITS - len(str(int(value / unit))))
    return short if short * unit == value else value / unit


def at_clock(curves: KernelCurves, clock: float, source: str) -> KernelCurves:
    """Curves of a chip whose clock is a fraction of the timed one's; memory and links have clocks of their own."""

    def slowed(curve: Any) -> Any:
        return evolve(curve, plateau=min(1.0, curve.plateau * clock))

    def kernel(of: AttentionKernel) -> AttentionKernel:
        return AttentionKernel(forward=slowed(of.forward), backward=slowed(of.backward))

    gemm: dict[str, GemmCurve] = {name: slowed(curve) for name, curve in curves.gemm.items()}
    serving = curves.serving
    if serving is not None:
        prefill: AttentionCurve = slowed(serving.prefill)
        serving = evolve(serving, prefill=prefill)
    return evolve(
        curves,
        gemm=gemm,
        attention={name: kernel(of) for name, of in curves.attention.items()},
        serving=serving,
        source=f"multiplications and attention times {clock:.3f}{source and f': {source}'}; {curves.source}",
    )


def with_link(values: dict[str, Any]) -> dict[str, Any]:
    """With the link of the first level of a cluster that stands in the file."""
    levels = (values.get("cluster") or {}).get("levels") if isinstance(values.get("cluster"), Mapping) else None
    if _LINK in values or not isinstance(levels, list) or not levels or not isinstance(levels[0], Mapping):
        return values
    return {**values, _LINK: levels[0].get("bandwidth_gb_per_s")}


def without_link(values: dict[str, Any]) -> dict[str, Any]:
    """The values without the bandwidth of the link, where a cluster says what joins accelerators."""
    return {key: value for key, value in values.items() if key != _LINK or "cluster" not in values}
