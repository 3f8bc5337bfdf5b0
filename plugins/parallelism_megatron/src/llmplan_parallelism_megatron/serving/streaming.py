"""How fast weights come in where few rows multiply them: at the memory's bandwidth, or as the cores take them."""

from __future__ import annotations

from math import inf

from llmplan.arrays.term import term
from llmplan.records import EngineProfile, HardwareProfile

_SCALES = 1.0
"""Bits of a weight that scales and zero points of its group may add."""


def cycle_bytes(engine: EngineProfile, bits: float) -> float:
    """Of weights of so many bits, that a core takes in a cycle; infinity where memory alone binds."""
    wide = [float(most) for most in engine.cycle_bytes if bits <= float(most) + _SCALES]
    return engine.cycle_bytes[f"{min(wide):g}"] if wide else inf


def streaming_bytes_per_second(memory: float, each: float, hardware: HardwareProfile) -> float:
    """At which weights come in where one row or few multiply them."""
    if each == inf or hardware.sm_count is None or hardware.clock_hertz is None:
        return memory
    return core_bound_bytes_per_second(memory, each, hardware.sm_count, hardware.clock_hertz)


@term(
    "min(stream, each_cycle * cores * clock)",
    unit="bytes/s",
    source="Williams et al. 2009, doi:10.1145/1498765.1498785, section 4: a ceiling below the memory's",
)
def core_bound_bytes_per_second(stream: float, each_cycle: float, cores: float, clock: float) -> float:
    """Kernels that unpack weights, or read them in short loads, take so many bytes of them in a cycle of a core."""
    return min(stream, each_cycle * cores * clock)
