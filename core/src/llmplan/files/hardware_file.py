"""An accelerator in TOML."""

from __future__ import annotations

import re

from attrs import field, fields, frozen
from attrs.validators import optional

from llmplan.errors import BadInputError
from llmplan.records import HardwareProfile
from llmplan.records.checks import positive, whole
from llmplan.units import GBIT, GIB, GIGA, MIB, TERA


@frozen(kw_only=True)
class HardwareFile:
    """An accelerator in TOML, in the units of datasheets. Rates are dense, bandwidths of one direction and device."""

    name: str
    vendor: str = ""
    architecture: str = ""
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
    scaleup_domain_size: int = field(default=1, validator=whole)
    scaleout_nic_gbits_per_gpu: float | None = field(default=None, validator=optional(positive))
    pcie_bandwidth_gb_per_s: float | None = field(default=None, validator=optional(positive))
    tdp_w: float | None = field(default=None, validator=optional(positive))
    launch_year: int | None = field(default=None, validator=optional(whole))
    l2_mb: float | None = field(default=None, validator=optional(positive))
    sm_count: int | None = field(default=None, validator=optional(whole))
    source: str = ""
    confidence: str = ""
    note: str = ""

    def record(self) -> HardwareProfile:
        """The same in SI."""
        rates = {name: value for name in _RATES if (value := getattr(self, name)) is not None}
        if not rates:
            raise BadInputError("fp16_tflops: no rate is given at all; one of " + ", ".join(_RATES))
        return HardwareProfile(
            name=self.name,
            vendor=self.vendor,
            architecture=self.architecture,
            memory_bytes=self.memory_gib * GIB,
            memory_bytes_per_second=self.memory_bandwidth_gb_per_s * GIGA,
            peak_flops={name.split("_")[0]: rate * TERA for name, rate in rates.items()},
            scale_up_link=self.scaleup_link,
            scale_up_bytes_per_second=self.scaleup_bandwidth_gb_per_s * GIGA,
            scale_up_domain=self.scaleup_domain_size,
            scale_out_bytes_per_second=_times(self.scaleout_nic_gbits_per_gpu, GBIT),
            host_bytes_per_second=_times(self.pcie_bandwidth_gb_per_s, GIGA),
            tdp_watts=self.tdp_w,
            l2_bytes=_times(self.l2_mb, MIB),
            sm_count=self.sm_count,
            launch_year=self.launch_year,
            sources={"accelerator": self.source} if self.source else {},
            confidence=self.confidence,
            note=self.note,
        )


_RATES = tuple(of.name for of in fields(HardwareFile) if re.fullmatch(r"\w+_(tflops|tops)", of.name))


def _times(value: float | None, unit: float) -> float | None:
    return None if value is None else value * unit
