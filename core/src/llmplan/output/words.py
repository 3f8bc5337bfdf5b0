"""Numbers as people read them: three or four digits and a unit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from llmplan.units import GIB, KILO, MEGA, MIB

_TIME_UNITS = ((86_400.0, "days"), (3_600.0, "hours"), (1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))
_ABOUT = ((86_400.0, "days", 172_800.0), (3_600.0, "hours", 7_200.0), (60.0, "min", 120.0))
"""Seconds of a unit, its name, and the seconds from which on it is used."""
_TWO_DIGITS = 10
_COUNT_UNITS = ((1e15, "P"), (1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K"))
_ENERGY_UNITS = ((1e6, "GWh"), (1e3, "MWh"), (1.0, "kWh"))
_MASS_UNITS = ((1e6, "t"), (1e3, "kg"), (1.0, "g"))
_MANY_HOURS = 48
_ROUNDS_UP = 0.9995
"""From here on three digits show the next unit: 999.7M is 1B, not 1e+03M."""
_SMALL_CHANGE = 1.0


def seconds(value: float) -> str:
    """``26.05 days``, ``6.391 s``, ``33.85 ms``."""
    for unit, name in _TIME_UNITS:
        if value >= _enough(unit, name):
            return f"{digits(value / unit)} {name}"
    return f"{digits(value / 1e-6)} µs" if value else "0 s"


def seconds_like(value: float) -> Callable[[float], str]:
    """Words for times in the unit that this one has, so that both ends of a range compare with it."""
    unit, name = next(((unit, name) for unit, name in _TIME_UNITS if value >= _enough(unit, name)), _TIME_UNITS[-1])
    return lambda other: f"{three_digits(other / unit)} {name}"


def _enough(unit: float, name: str) -> float:
    """From here on a time is said in the unit."""
    return {"days": _MANY_HOURS * 3600, "hours": 2 * unit}.get(name, unit)


def three_digits(value: float) -> str:
    """Three of them, or all before the point."""
    return f"{value:,.0f}" if value >= KILO - 1 else f"{value:.3g}"


def about(value: float) -> str:
    """A time in round numbers: ``5.1 hours``, ``34 min``."""
    for unit, name, enough in _ABOUT:
        if value >= enough:
            return f"{value / unit:,.{0 if value >= _TWO_DIGITS * unit else 1}f} {name}"
    return seconds(value)


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


def percent(value: float) -> str:
    """A share in percent: ``49.3 %``."""
    return f"{100 * value:.1f} %"


def money(value: float) -> str:
    """A sum of money: ``1,234``, ``12.50``, ``0.0123``."""
    return f"{value:,.3g}" if 0 < value < _SMALL_CHANGE else f"{value:,.{2 if value < KILO else 0}f}"


def energy(value: float) -> str:
    """An amount of energy in the unit that suits it: ``449 MWh``."""
    unit, name = next((unit, name) for unit, name in _ENERGY_UNITS if value >= unit or unit == 1)
    return f"{digits(value / unit)} {name}"


def mass(grams: float) -> str:
    """In the unit that suits it: ``312 t``, ``5.4 kg``."""
    unit, name = next((unit, name) for unit, name in _MASS_UNITS if grams >= unit or unit == 1)
    return f"{three_digits(grams / unit)} {name}"


_WORDS: Mapping[str, Callable[[float], str]] = {
    "s": seconds,
    "bytes": gib,
    "share": percent,
    "money": money,
    "kWh": energy,
    "g": mass,
    "t": lambda value: mass(value * MEGA),
    "J": lambda value: f"{value:.3g} J",
    "W": lambda value: f"{value:,.0f} W",
    "GPU-hours": lambda value: f"{value:,.0f}",
}


def in_words(value: float, unit: str) -> str:
    """A figure in its unit; what is counted is not named."""
    return _WORDS.get(unit, digits)(value)


def dotted(parts: Iterable[str]) -> str:
    """Parts of a line, the empty ones left out."""
    return " · ".join(part for part in parts if part)
