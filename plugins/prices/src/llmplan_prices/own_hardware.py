"""Hardware that is owned: capital, upkeep and power over the hours in which it works."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import evolve, field, fields, frozen
from attrs.validators import optional

from llmplan.catalogues.forms import Form
from llmplan.catalogues.structure import structure
from llmplan.catalogues.toml_source import TomlSource
from llmplan.errors import BadInputError
from llmplan.estimate.energy import IDLE_SHARE
from llmplan.records import HardwareProfile
from llmplan.records.checks import fraction, not_negative, positive
from llmplan_prices.records import Price, PriceAsked

_HOURS_A_YEAR = 8_760.0
_WATTS_PER_KILOWATT = 1e3


def _pue(record: Any, of: Any, value: float) -> None:
    positive(record, of, value)
    if value < 1:
        raise BadInputError(f"{of.name}: {value} is not a number of at least 1")


def _below_one(record: Any, of: Any, value: float) -> None:
    not_negative(record, of, value)
    if value >= 1:
        raise BadInputError(f"{of.name}: {value} is not a fraction of at least 0 and below 1")


@frozen(kw_only=True, repr=False)
class Terms:
    """Of one accelerator, with its share of the server, the network and the building; the keys of the TOML."""

    capital: float | None = field(default=None, validator=optional(positive))
    """Paid in the beginning."""
    residual: float | None = field(default=None, validator=optional(_below_one))
    """Share of it that a buyer pays in the end; none by default."""
    years: float | None = field(default=None, validator=optional(positive))
    utilisation: float | None = field(default=None, validator=optional(fraction))
    """Share of the hours in which it works."""
    upkeep: float | None = field(default=None, validator=optional(not_negative))
    """Share of the capital that a year of staff, space and repairs takes; none by default."""
    power_watts: float | None = field(default=None, validator=optional(positive))
    """While it works, with its share of the server; the TDP of the accelerator by default."""
    electricity_per_kwh: float | None = field(default=None, validator=optional(not_negative))
    pue: float | None = field(default=None, validator=optional(_pue))
    """Energy of the building / energy of the servers; --pue by default."""
    date: str = ""


@frozen(kw_only=True, repr=False)
class OwnHardware(Terms):
    """The file: terms of all accelerators, and what differs of some, by their names."""

    gpus: Mapping[str, Terms] = field(factory=dict)

    def terms(self, hardware: HardwareProfile) -> Terms:
        """What an hour of one accelerator costs, term by term."""
        names = [name.lower() for name in (hardware.name, *getattr(hardware, "aliases", ()))]
        special = next((terms for name, terms in self.gpus.items() if name.lower() in names), Terms())
        return evolve(special, **{
            of.name: getattr(special, of.name) or getattr(self, of.name) for of in fields(Terms)
        })  # fmt: skip


_NEEDED = ("capital", "years", "utilisation", "electricity_per_kwh")


def price_of_own(asked: PriceAsked) -> Price:
    """Of an hour in which it works."""
    path = asked.word
    source = TomlSource.read(path)
    terms = structure(source, source.values, Form(OwnHardware)).terms(asked.hardware)
    for name in _NEEDED:
        if getattr(terms, name) is None:
            table = f", there or under [gpus.{asked.hardware.name}]" if name == "capital" else ""
            raise BadInputError(f"{path}: {name}: missing for {asked.hardware.name}{table}")
    watts = terms.power_watts or asked.hardware.tdp_watts
    if watts is None:
        raise BadInputError(f"{path}: power_watts: missing: the TDP of {asked.hardware.name} is not known")
    parts = hourly(evolve(terms, power_watts=watts, pue=asked.pue or terms.pue or 1.0))
    used = f"{terms.years:g} years at {terms.utilisation:.0%} utilisation"
    return Price(
        per_gpu_hour=sum(parts.values()),
        provider="own hardware",
        date=terms.date,
        source=f"{Path(path).name}: {used}",
        terms=parts,
        own=True,
    )


def hourly(terms: Terms) -> dict[str, float]:
    """Capital, upkeep and power of an hour of work: hours of waiting are paid by those of work, and draw less."""
    given = {of.name: getattr(terms, of.name) or 0.0 for of in fields(Terms)}
    worked = _HOURS_A_YEAR * given["utilisation"]
    waiting = IDLE_SHARE * (1.0 - given["utilisation"]) / given["utilisation"]
    kilowatts = given["power_watts"] / _WATTS_PER_KILOWATT * given["pue"]
    parts = {
        "capital": given["capital"] * (1.0 - given["residual"]) / (given["years"] * worked),
        "upkeep": given["capital"] * given["upkeep"] / worked,
        "power": kilowatts * (1.0 + waiting) * given["electricity_per_kwh"],
    }
    return {name: amount for name, amount in parts.items() if amount}
