"""Numbers as people read them: three or four digits and a unit."""

from __future__ import annotations

from llmplan.units import GIB, KILO, MIB

TIME_UNITS = ((86_400.0, "days"), (3_600.0, "hours"), (1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))
_COUNT_UNITS = ((1e15, "P"), (1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K"))
_MANY_HOURS = 48
_ROUNDS_UP = 0.9995
"""From here on three digits show the next unit: 999.7M is 1B, not 1e+03M."""


def seconds(value: float) -> str:
    """``26.05 days``, ``6.391 s``, ``33.85 ms``."""
    for unit, name in TIME_UNITS:
        if value >= enough(unit, name):
            return f"{digits(value / unit)} {name}"
    return f"{digits(value / 1e-6)} µs" if value else "0 s"


def enough(unit: float, name: str) -> float:
    """From here on a time is said in the unit."""
    return {"days": _MANY_HOURS * 3600, "hours": 2 * unit}.get(name, unit)


def three_digits(value: float) -> str:
    """Three of them, or all before the point."""
    return f"{value:,.0f}" if value >= KILO - 1 else f"{value:.3g}"


def digits(value: float) -> str:
    """Four of them, or all: 18,783 is not 1.878e+04."""
    return f"{value:,.0f}" if value >= KILO else f"{value:.4g}"


def gib(value: float) -> str:
    """Bytes in the unit that suits them: ``74.3 GiB``, ``8 bytes``."""
    if abs(value) < MIB / 10:
        return f"{value:,.0f} bytes"
    return f"{value / GIB:,.1f} GiB" if abs(value) >= GIB / 10 else f"{value / MIB:,.1f} MiB"


def count(value: float) -> str:
    """A large number in three digits: ``65.3B``, ``1.4T``, ``512``."""
    for unit, suffix in _COUNT_UNITS:
        if value >= unit * _ROUNDS_UP:
            return f"{value / unit:.3g}{suffix}"
    return f"{value:.4g}"
