"""Contracts of records that hold numbers: accelerators and their curves, training frameworks, optimizers.

`llmplan.testing` is the door to them.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from attrs import fields, fields_dict

from llmplan import records
from llmplan.catalogues import CLUSTERS, ENGINES, FRAMEWORKS, GPUS, OPTIMIZERS, SCHEDULES, Kind, registry
from llmplan.errors import LlmplanError
from llmplan.estimate.line import Kind as LineKind, kind_of
from llmplan.records.cluster import is_plain
from llmplan.records.hardware import LINKS

WIDTHS = ("weight", "activation", "embedding", "norm", "loss")
ROUNDING = 1e-9
NUMPY: Any = import_module("numpy") if find_spec("numpy") else None
_PLAUSIBLE: Mapping[str, tuple[float, float]] = {
    "memory_bytes": (1e8, 4e12),
    "memory_bytes_per_second": (1e9, 1e17),
    "peak_flops": (1e10, 1e19),
    "scale_up_bytes_per_second": (1e8, 1e16),
    "scale_out_bytes_per_second": (1e7, 2.5e11),
    "host_bytes_per_second": (1e8, 1e14),
    "l2_bytes": (1e4, 1e12),
    "launch_year": (1990, 2100),
}
"""Wide enough for any accelerator; a number in GB or TFLOP/s falls outside."""
_NO_FASTER = (("tf32", "fp16"), ("tf32", "bf16"), ("fp16", "fp8"), ("bf16", "fp8"), ("fp8", "fp4"), ("int8", "int4"))
"""No accelerator runs the first format faster than the second; integers may be slower than floats of any width."""
_AT_MOST = (("fp8", "fp16", 2.1), ("fp8", "bf16", 2.1), ("fp4", "fp8", 4.1), ("bf16", "tf32", 2.1))
"""No accelerator runs the first format more times as fast as the second; sparse rates are twice as much."""
_LONGEST_LAUNCH = 0.01
"""Seconds of a launch or a step: one in microseconds is longer."""
_LONGEST_HOST = {"host_seconds_per_layer": 1.0, "host_seconds_per_routed_layer": 1.0, "host_seconds_per_step": 600.0}
_LONGEST_GAP = {
    "launch_seconds_per_layer": 0.1,
    "host_seconds_per_launch": 1e-3,
    "first_call_seconds": 60.0,
    "host_seconds_per_step": 10.0,
    "host_seconds_per_sequence": 0.1,
    "rank_wait_seconds": 0.01,
    "cache_token_cycles": 1e5,
}
_LEAST_HOST = 1e9
_LEAST_BYTES = 1e6
"""Of what a framework keeps for itself, where it does: a number in GB is smaller."""
_FIELDS_OF_BYTES = ("context_bytes", "communication_bytes")
_ENGINE_BYTES = ("context_bytes", "workspace_bytes")
WIDEST_BITS = 64
_MOST_STATE_BYTES = 64
"""Eight numbers in 64 bits: one in bits, or of the whole model, is larger."""


class ContractError(LlmplanError, AssertionError):
    """A plugin, or one of its records, breaks a rule that llmplan relies on."""


def same(arrays: Any, numbers: Any) -> bool:
    """Whether what was computed at once is what was computed one by one."""
    return bool(NUMPY.allclose(arrays, numbers, rtol=ROUNDING, atol=0))


def require(condition: object, message: str) -> None:
    """ContractError where the condition does not hold."""
    if not condition:
        raise ContractError(message)


def check_lines(where: str, lines: Iterable[str], kinds: Collection[LineKind]) -> None:
    """Each is a `Line` of one of these kinds: energy, bottlenecks and headroom go by them, not by names."""
    words = ", ".join(f"Kind.{kind.name}" for kind in kinds)
    for line in lines:
        kind = kind_of(line)
        require(
            kind is not None,
            f"{where}: {line!r} is a mere string; make it a Line({str(line)!r}, {words.split(',')[0]})",
        )
        require(kind in kinds, f"{where}: {line}: {kind} is none of {words}")


def checked_name(kind: Kind, record: Any) -> str:
    """The name of a record, which has to be of this kind."""
    try:
        kind.check(record)
    except LlmplanError as error:
        raise ContractError(str(error)) from error
    return str(record.name)


def check_hardware(profile: records.HardwareProfile) -> None:
    """Every number has a source and the size of its SI unit, efficiencies are fractions, no curve is missing."""
    name = checked_name(GPUS, profile)
    peaks, efficiency = profile.peak_flops, profile.efficiency
    require(peaks, f"{name}: peak_flops is empty")
    numbers = dict(_numbers(profile))
    for field, value in numbers.items():
        low, high = _PLAUSIBLE.get(field.partition(".")[0], (1, math.inf))
        require(low <= value <= high, f"{name}: {field}: {value:g} is not in {low:g} to {high:g}: is it in SI units?")
        require(profile.sources.get(field), f"{name}: {field}: no source")
    require(is_plain(profile.cluster) or profile.cluster.source, f"{name}: cluster: no source")
    check_levels(f"{name}: cluster", profile.cluster)
    strangers = set(profile.sources) - {*numbers, *fields_dict(records.HardwareProfile), *LINKS}
    require(not strangers, f"{name}: sources: {', '.join(sorted(strangers))}: no such number")
    _check_links(name, profile)
    _check_formats(name, peaks)
    for slower, faster in _NO_FASTER:
        ordered = peaks.get(slower, 0) <= peaks.get(faster, math.inf)
        require(ordered, f"{name}: peak_flops: {slower} is faster than {faster}: is one of them sparse?")
    for fast, slow, most in _AT_MOST:
        near = peaks.get(fast, 0) <= most * peaks.get(slow, math.inf)
        require(near, f"{name}: peak_flops: {fast} is over {most:.0f} times {slow}: is it the sparse rate?")
    for field, reached in ({} if efficiency is None else efficiency.flops).items():
        require(reached <= 1, f"{name}: efficiency.flops.{field}: {reached:g} is above 1")
    _check_aliases(name, profile.aliases)
    if profile.kernels is not None:
        _check_kernels(name, profile.kernels)


def _check_links(name: str, profile: records.HardwareProfile) -> None:
    """A link is no faster than the memory that it reads, and the network no faster than a link in a domain."""
    link, memory = profile.scale_up_bytes_per_second, profile.memory_bytes_per_second
    require(link <= memory, f"{name}: scale_up_bytes_per_second: {link:g}, above that of memory: is it in bits?")
    network = profile.scale_out_bytes_per_second
    if network is not None and profile.scale_up_domain > 1:
        require(network <= link, f"{name}: scale_out_bytes_per_second: {network:g}, above that of the scale-up link")


def _check_formats(name: str, peaks: Iterable[str]) -> None:
    """Some dtype multiplies in each; `fp32` is the vector rate."""
    dtypes = (rule for _, _, rule in registry().dtypes.entries())
    known = {"fp32", "tf32", *(one for rule in dtypes for tier in rule.gemm_formats for one in tier)}
    strange = sorted(set(peaks) - known)
    has = ", ".join(sorted(known))
    require(not strange, f"{name}: peak_flops: {', '.join(strange)}: no dtype multiplies so; those that do: {has}")


def check_cluster(cluster: records.Cluster) -> None:
    """It has a source, its numbers have the size of their SI units, and no group reaches more than its links."""
    name = checked_name(CLUSTERS, cluster)
    require(cluster.source, f"{name}: no source")
    check_levels(name, cluster)


def check_levels(name: str, cluster: records.Cluster) -> None:
    """Numbers of a cluster, whoever's it is, have the size of their SI units."""
    low, high = _PLAUSIBLE["scale_up_bytes_per_second"]
    host = cluster.host_memory_bytes
    require(
        host is None or host >= _LEAST_HOST, f"{name}: host_memory_bytes: {host} is below {_LEAST_HOST:g}: is it bytes?"
    )
    for place, level in enumerate(cluster.levels):
        link, latency = level.bytes_per_second, level.latency_seconds
        plausible = link is None or low <= link <= high
        require(
            plausible, f"{name}: levels.{place}: bytes_per_second: {link} is not in {low:g} to {high:g}: is it in SI?"
        )
        short = latency is None or latency <= _LONGEST_LAUNCH
        require(
            short, f"{name}: levels.{place}: latency_seconds: {latency} is above {_LONGEST_LAUNCH:g}: is it in seconds?"
        )
        for n in (2.0, 4.0) if (level.size or 0) > 1 or level.size is None else ():
            reached = level.reached(1.0, n, level.lies(n, 1.0, None))
            require(0 < reached <= 1, f"{name}: levels.{place}: a group of {n:g} reaches {reached:g} of a link")


def check_framework(framework: records.FrameworkProfile) -> None:
    """It has a source, and its numbers have the size of their SI unit."""
    name = checked_name(FRAMEWORKS, framework)
    require(framework.source, f"{name}: no source")
    _check_aliases(name, framework.aliases)
    _check_units(name, framework, _LONGEST_HOST, _FIELDS_OF_BYTES)
    widths = {"gradient_bits": framework.gradient_bits, "reduction_bits": framework.reduction_bits}
    widths |= {f"gradient_bits_by_dtype.{dtype}": bits for dtype, bits in framework.gradient_bits_by_dtype.items()}
    for field, bits in widths.items():
        require(bits <= WIDEST_BITS, f"{name}: {field}: {bits:g} is above {WIDEST_BITS}")


def check_engine(engine: records.EngineProfile) -> None:
    """It has a source, and its numbers have the size of their SI unit."""
    name = checked_name(ENGINES, engine)
    require(engine.source, f"{name}: no source")
    _check_aliases(name, engine.aliases)
    _check_units(name, engine, _LONGEST_GAP, _ENGINE_BYTES)


def _check_units(name: str, record: Any, longest: Mapping[str, float], of_bytes: tuple[str, ...]) -> None:
    """Seconds that are not microseconds, bytes that are not gigabytes."""
    for field, most in longest.items():
        seconds = getattr(record, field)
        require(seconds <= most, f"{name}: {field}: {seconds:g} is above {most:g}: is it in seconds?")
    for field in of_bytes:
        held = getattr(record, field)
        require(held == 0 or held >= _LEAST_BYTES, f"{name}: {field}: {held:g} is below {_LEAST_BYTES:g}: is it bytes?")


def check_optimizer(optimizer: records.Optimizer) -> None:
    """It has a source, and a parameter no more states than any rule of updating keeps."""
    name = checked_name(OPTIMIZERS, optimizer)
    require(optimizer.source, f"{name}: no source")
    held = optimizer.state_bytes
    require(held <= _MOST_STATE_BYTES, f"{name}: state_bytes: {held:g} is above {_MOST_STATE_BYTES} of one parameter")


def check_schedule(schedule: records.Schedule) -> None:
    """It has a source; more to fill it with shortens no other bubble than its own, and slower stages none at all."""
    name = checked_name(SCHEDULES, schedule)
    require(schedule.source, f"{name}: no source")
    for p, m in ((2.0, 2.0), (4.0, 16.0), (8.0, 3.0)):
        times = records.PipelineTimes((p - 1) * 3.0, 0.0, 0.0, p, 1.0, m)
        filled = times._replace(others_weights=(p - 1) * 1.0, own_weights=1.0)
        slower = times._replace(others=(p - 1) * 4.0)
        bubble, shorter, longer = (schedule.bubble_seconds(one) for one in (times, filled, slower))
        require(0 <= shorter <= bubble <= longer, f"{name}: bubble_seconds: {shorter:g}, {bubble:g}, {longer:g}")
        held = schedule.in_flight(p, 1.0, m)
        require(0 < held <= m, f"{name}: in_flight: {held:g} of {m:g} micro-batches")


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


def _check_aliases(name: str, aliases: tuple[str, ...]) -> None:
    """Words of tables, compared without case."""
    require(isinstance(aliases, tuple), f"{name}: aliases: {aliases!r} is no tuple of words")
    blank = [alias for alias in aliases if not isinstance(alias, str) or not alias.strip()]
    require(not blank, f"{name}: aliases: {blank[0] if blank else ''!r} is no word")
    lowered = [alias.lower() for alias in aliases]
    twice = [alias for alias in aliases if lowered.count(alias.lower()) > 1]
    require(not twice, f"{name}: aliases: {twice[0] if twice else ''} is there twice")


def _check_kernels(name: str, curves: records.KernelCurves) -> None:
    """Curves have a source, and none starts later than any kernel does."""
    require(curves.source, f"{name}: kernels: no source")
    if curves.serving is not None:
        require(curves.serving.source, f"{name}: kernels.serving: no source")
    for field, seconds in _launches(curves):
        soon = seconds <= _LONGEST_LAUNCH
        require(soon, f"{name}: kernels.{field}: {seconds:g} is above {_LONGEST_LAUNCH:g}: is it in seconds?")


def _launches(curves: records.KernelCurves) -> Iterator[tuple[str, float]]:
    yield "launch_seconds", curves.launch_seconds
    yield "network.step_seconds", curves.network.step_seconds
    for form, curve in curves.gemm.items():
        yield f"gemm.{form}.launch_seconds", curve.launch_seconds
    for generation, kernel in curves.attention.items():
        yield f"attention.{generation}.forward.launch_seconds", kernel.forward.launch_seconds
        yield f"attention.{generation}.backward.launch_seconds", kernel.backward.launch_seconds
    if curves.serving is not None:
        yield "serving.prefill.launch_seconds", curves.serving.prefill.launch_seconds
        yield "serving.decode.launch_seconds", curves.serving.decode.launch_seconds
        yield from ((f"serving.widening_seconds.{bits}", of) for bits, of in curves.serving.widening_seconds.items())
    for operation, collective in curves.collectives.items():
        yield f"collectives.{operation}.launch_seconds", collective.launch_seconds
        yield f"collectives.{operation}.step_seconds", collective.step_seconds
