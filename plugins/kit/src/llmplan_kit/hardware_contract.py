"""The contract of accelerators: SI units, sources, and how their numbers lie to each other and to what is known.

`llmplan.testing` is the door to it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping

from attrs import fields, fields_dict

from llmplan import records
from llmplan.catalogues import GPUS, registry
from llmplan.records.cluster import is_plain
from llmplan.records.hardware import LINKS
from llmplan_kit.cluster_contract import check_levels
from llmplan_kit.contracts import check_aliases, check_within, check_words_of_others, checked_name, require
from llmplan_kit.curve_contract import check_kernels

_PLAUSIBLE: Mapping[str, tuple[float, float]] = {
    "memory_bytes": (1e8, 4e12),
    "memory_bytes_per_second": (1e9, 1e17),
    "peak_flops": (1e10, 1e19),
    "scale_up_bytes_per_second": (1e8, 1e16),
    "scale_out_bytes_per_second": (1e7, 2.5e11),
    "host_bytes_per_second": (1e8, 1e14),
    "l2_bytes": (2.5e5, 1e12),
    "launch_year": (1990, 2100),
}
"""Wide enough for any accelerator; a number in GB or TFLOP/s falls outside."""
_OF_ONE = {
    "tdp_watts": (5.0, 5_000.0, "of one device, in watts"),
    "clock_hertz": (1e8, 2e10, "in hertz"),
    "sm_count": (1, 4_096, "of cores, not of their lanes"),
    "reserved_bytes": (1e6, 1e11, "in bytes"),
}
_NO_FASTER = (
    *(("tf32", "fp16"), ("tf32", "bf16"), ("fp16", "fp8"), ("bf16", "fp8"), ("fp8", "fp4"), ("int8", "int4")),
    *(("fp32", "fp16"), ("fp32", "bf16")),
)
"""No accelerator runs the first format faster than the second; integers may be slower than floats of any width."""
_AT_MOST = (
    *(("fp8", "fp16", 2.1), ("fp8", "bf16", 2.1), ("fp4", "fp8", 4.1), ("bf16", "tf32", 2.1)),
    *(("int8", "fp16", 4.1), ("int8", "bf16", 4.1), ("int4", "int8", 2.1)),
)
"""No accelerator runs the first format more times as fast as the second; sparse rates are twice as much."""
_WIDE = ("bf16", "fp16")
_FLOPS_PER_BYTE = (2.0, 5_000.0)
"""Of multiplications in 16 bits, against the bandwidth of memory."""
_READS_A_SECOND = (0.2, 1_000.0)
"""How often an accelerator can read all of its memory in a second."""
_SIZE = re.compile(r"(?<![\w.])(\d+)gb(?![\w.])")
_OF_SIZE = (0.92, 1.08)
"""Bytes of a memory of so many GB or GiB, less what is kept for checks, over a decimal GB."""
_AS_OTHERS, _KNOWN = (0.3, 1.5), 4
"""Times as fast as the slowest and the fastest of so many that are known, that a link of the same name may be."""


def check_hardware(profile: records.HardwareProfile, formats: Iterable[str] = ()) -> None:
    """Every number has a source and the size of its SI unit, efficiencies are fractions, no curve is missing.

    `formats` are those of dtypes that are not installed yet.
    """
    name = checked_name(GPUS, profile)
    peaks, efficiency = profile.peak_flops, profile.efficiency
    require(peaks, f"{name}: peak_flops is empty")
    check_within(name, profile, _OF_ONE)
    numbers = dict(_numbers(profile))
    for field, value in numbers.items():
        low, high = _PLAUSIBLE.get(field.partition(".")[0], (0, math.inf))
        require(low <= value <= high, f"{name}: {field}: {value:g} is not in {low:g} to {high:g}: is it in SI units?")
        require(profile.sources.get(field), f"{name}: {field}: no source")
    require(is_plain(profile.cluster) or profile.cluster.source, f"{name}: cluster: no source")
    check_levels(f"{name}: cluster", profile.cluster)
    strangers = set(profile.sources) - {*numbers, *fields_dict(records.HardwareProfile), *LINKS}
    require(not strangers, f"{name}: sources: {', '.join(sorted(strangers))}: no such number")
    _check_links(name, profile)
    _check_peaks(name, peaks, formats)
    _check_memory(name, profile)
    for field, reached in ({} if efficiency is None else efficiency.flops).items():
        require(reached <= 1, f"{name}: efficiency.flops.{field}: {reached:g} is above 1")
        require(field in _known(formats), f"{name}: efficiency.flops.{field}: no dtype multiplies so")
    check_aliases(name, profile.aliases)
    check_words_of_others(GPUS, name, profile.aliases)
    if profile.kernels is not None:
        check_kernels(name, profile.kernels, _known(formats))


def _check_links(name: str, profile: records.HardwareProfile) -> None:
    """A link is no faster than the memory that it reads, nor than others of its name, and the network no faster than a
    link in a domain.
    """
    link, memory = profile.scale_up_bytes_per_second, profile.memory_bytes_per_second
    require(link <= memory, f"{name}: scale_up_bytes_per_second: {link:g}, above that of memory: is it in bits?")
    network = profile.scale_out_bytes_per_second
    if network is not None and profile.scale_up_domain > 1:
        require(network <= link, f"{name}: scale_out_bytes_per_second: {network:g}, above that of the scale-up link")
    others = [gpu for other, _, gpu in registry().gpus.entries() if other != name] if profile.scale_up_link else []
    known = [gpu.scale_up_bytes_per_second for gpu in others if gpu.scale_up_link == profile.scale_up_link]
    most = max(known) if len(known) >= _KNOWN else math.inf
    near = _AS_OTHERS[0] * (min(known) if len(known) >= _KNOWN else 0.0) <= link <= _AS_OTHERS[1] * most
    require(
        near,
        f"{name}: scale_up_bytes_per_second: {link:g}, {profile.scale_up_link} has up to {most:g}: one way, of all?",
    )


def _check_peaks(name: str, peaks: Mapping[str, float], formats: Iterable[str]) -> None:
    """Some dtype multiplies in each format, `fp32` is the vector rate, and none is faster than others allow."""
    known = _known(formats)
    strange = sorted(set(peaks) - known)
    has = ", ".join(sorted(known))
    require(not strange, f"{name}: peak_flops: {', '.join(strange)}: no dtype multiplies so; those that do: {has}")
    for slower, faster in _NO_FASTER:
        ordered = peaks.get(slower, 0) <= peaks.get(faster, math.inf)
        require(ordered, f"{name}: peak_flops: {slower} is faster than {faster}: is one of them sparse?")
    for fast, slow, most in _AT_MOST:
        near = peaks.get(fast, 0) <= most * peaks.get(slow, math.inf)
        require(near, f"{name}: peak_flops: {fast} is over {most:.0f} times {slow}: is it the sparse rate?")


def _known(formats: Iterable[str]) -> set[str]:
    """Formats that some dtype multiplies in, and those of vectors."""
    dtypes = (rule for _, _, rule in registry().dtypes.entries())
    return {"fp32", "tf32", *formats, *(one for rule in dtypes for tier in rule.gemm_formats for one in tier)}


def _check_memory(name: str, profile: records.HardwareProfile) -> None:
    """Capacity and bandwidth belong together, and to the peaks; a name like ``x1-80gb`` says the capacity."""
    bandwidth, capacity = profile.memory_bytes_per_second, profile.memory_bytes
    peak = max((profile.peak_flops.get(one, 0.0) for one in _WIDE), default=0.0)
    low, high = _FLOPS_PER_BYTE
    require(
        not peak or low <= peak / bandwidth <= high,
        f"{name}: memory_bytes_per_second: {peak / bandwidth:.3g} FLOPs for each byte, not {low:g} to {high:g}",
    )
    low, high = _READS_A_SECOND
    require(
        low <= bandwidth / capacity <= high,
        f"{name}: memory_bytes: is read {bandwidth / capacity:.3g} times a second, not {low:g} to {high:g}",
    )
    low, high = _OF_SIZE
    for said in map(float, _SIZE.findall(name)):
        require(
            low <= capacity / (1e9 * said) <= high, f"{name}: memory_bytes: {capacity:g}, and the name says {said:g} GB"
        )


def _numbers(profile: records.HardwareProfile) -> Iterator[tuple[str, float]]:
    """What a profile states, as `sources` names it; what is left at its default it does not state."""
    for field in fields(records.HardwareProfile):
        value = getattr(profile, field.name)
        if isinstance(value, (int, float)) and value != field.default:
            yield field.name, value
    yield from ((f"peak_flops.{name}", rate) for name, rate in profile.peak_flops.items())
    if is_plain(profile.cluster):
        plain = {"scale_up_domain": 1, "scale_up_link": profile.scale_up_link}
        links = ((name, getattr(profile, name)) for name in LINKS)
        yield from ((name, value) for name, value in links if value is not None and value != plain.get(name))
