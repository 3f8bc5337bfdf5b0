"""Shares, money, energy and times in words, beside the numbers of `llmplan.output.words`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from llmplan.output.words import TIME_UNITS, digits, enough, gib, seconds, three_digits
from llmplan.units import KILO, MEGA

_ABOUT = ((86_400.0, "days", 172_800.0), (3_600.0, "hours", 7_200.0), (60.0, "min", 120.0))
"""Seconds of a unit, its name, and the seconds from which on it is used."""
_TWO_DIGITS = 10
_ENERGY_UNITS = ((1e6, "GWh"), (1e3, "MWh"), (1.0, "kWh"))
_MASS_UNITS = ((1e6, "t"), (1e3, "kg"), (1.0, "g"))
_SMALL_CHANGE = 1.0


def seconds_like(value: float) -> Callable[[float], str]:
    """Words for times in the unit that this one has, so that both ends of a range compare with it."""
    unit, name = next(((unit, name) for unit, name in TIME_UNITS if value >= enough(unit, name)), TIME_UNITS[-1])
    return lambda other: f"{three_digits(other / unit)} {name}"


def about(value: float) -> str:
    """A time in round numbers: ``5.1 hours``, ``34 min``."""
    for unit, name, least in _ABOUT:
        if value >= least:
            return f"{value / unit:,.{0 if value >= _TWO_DIGITS * unit else 1}f} {name}"
    return seconds(value)


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


def value_words(value: Any) -> str:
    """The value of an option as people say it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:g}"
    return f"{value:,}" if isinstance(value, int) else "all" if value is None else str(value)
