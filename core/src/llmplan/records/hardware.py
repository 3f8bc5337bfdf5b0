"""Accelerators: peaks, memory and links of one device."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen
from attrs.validators import optional

from llmplan.records.checks import lookup_name, not_negative, positive, positive_values, whole
from llmplan.records.efficiency import CalibratedEfficiency
from llmplan.records.kernels import KernelCurves


@frozen(kw_only=True, eq=False, repr=False)
class HardwareProfile:
    """One accelerator as its datasheet prints it. Rates are dense, bandwidths of one direction and one device.

    What the device has not got is absent: a format without units of its own is no key of `peak_flops`, a link that is
    not published is None.
    """

    name: str = field(validator=lookup_name)
    vendor: str = ""
    architecture: str = ""
    memory_bytes: float = field(validator=positive)
    """What the driver reports as total memory; context and allocator reserve still come off it."""
    memory_bytes_per_second: float = field(validator=positive)
    peak_flops: Mapping[str, float] = field(validator=positive_values)
    """FLOP/s (or integer operations/s) by number format: ``fp32`` is the vector rate, the others tensor cores."""
    scale_up_link: str = ""
    scale_up_bytes_per_second: float = field(validator=positive)
    """Inside the scale-up domain: NVLink, xGMI, ICI, or PCIe where there is nothing faster."""
    scale_up_domain: int = field(default=1, validator=whole)
    """How many devices share the scale-up link."""
    scale_out_bytes_per_second: float | None = field(default=None, validator=optional(positive))
    """The network between nodes."""
    host_bytes_per_second: float | None = field(default=None, validator=optional(positive))
    """The link to the host, PCIe as a rule."""
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
    def beyond_domain_bytes_per_second(self) -> float | None:
        """The slowest link that a group crosses when it leaves the scale-up domain; None where none is published."""
        links = [link for link in (self.host_bytes_per_second, self.scale_out_bytes_per_second) if link is not None]
        return min(links, default=None)
