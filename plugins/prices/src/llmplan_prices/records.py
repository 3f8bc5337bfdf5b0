"""What an hour of an accelerator costs, what electricity emits, what an API asks: each with who says so, and when."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timezone
from typing import TYPE_CHECKING, Any, Protocol

from attrs import field, fields, frozen

from llmplan.errors import BadInputError, shown
from llmplan.records.checks import lookup_name, not_negative

if TYPE_CHECKING:
    from llmplan.records.hardware import HardwareProfile

STALE_DAYS = 60
"""Prices of accelerators move by a tenth in a quarter; one that is older than this is worth a warning."""
_MILLION = 1e6


def _text(_price: Any, of: Any, value: Any) -> None:
    if not isinstance(value, str):
        raise BadInputError(f"{of.name}: {shown(value)} is not text")


def _a_date(_price: Any, of: Any, value: Any) -> None:
    try:
        if value != "":
            date.fromisoformat(value)
    except (TypeError, ValueError):
        raise BadInputError(f"{of.name}: {shown(value)} is not a date like 2026-11-09") from None


def _amounts(_price: Any, of: Any, value: Any) -> None:
    if not isinstance(value, Mapping):
        raise BadInputError(f"{of.name}: {shown(value)} is not a table of amounts")
    for amount in value.values():
        not_negative(None, of, amount)


@frozen(kw_only=True, eq=False)
class Price:
    """What one accelerator-hour costs, where that was found and when."""

    per_gpu_hour: float = field(validator=not_negative)
    provider: str = field(default="", validator=_text)
    """Who asks it, or what it is of several: ``median of 7 providers``."""
    market: str = field(default="", validator=_text)
    """``on-demand``, ``reserved``, ``spot``, or what else the provider calls it."""
    region: str = field(default="", validator=_text)
    date: str = field(default="", validator=_a_date)
    """When it was asked, in ISO 8601; of several prices when the oldest was."""
    source: str = field(default="", validator=_text)
    terms: Mapping[str, float] = field(factory=dict, validator=_amounts)
    """What it is made of, where it is a sum."""
    own: bool = False
    """Whether nobody else could look it up again: results then hold it whole, in place of its name."""

    @staticmethod
    def of_table(table: Mapping[str, Any]) -> Price:
        """As results and plan files hold it; BadInputError names the key that is wrong."""
        known = [of.name for of in fields(Price) if of.name != "own"]
        for key in table:
            if key not in known:
                raise BadInputError(f"{key}: not a key of a price; there are {', '.join(known)}")
        if "per_gpu_hour" not in table:
            raise BadInputError("per_gpu_hour: missing")
        return Price(**table, own=True)

    @property
    def table(self) -> dict[str, Any]:
        """The same, without what is empty."""
        found = {of.name: getattr(self, of.name) for of in fields(Price) if of.name != "own"}
        return {name: value for name, value in found.items() if name == "per_gpu_hour" or value not in ("", {})}

    @property
    def number(self) -> float:
        """The price alone, of what has no words."""
        return self.per_gpu_hour

    @property
    def replaces(self) -> tuple[str, ...]:
        """Options that say less than the whole price, where nobody could look it up again."""
        return ("price_per_gpu_hour", "price_market", "price_region", "price_file") if self.own else ()

    @property
    def words(self) -> str:
        """``2.99 a GPU-hour: lambda, on-demand, 2026-09-20, https://lambda.ai/instances``; nothing where only the
        number is known.
        """
        terms = " + ".join(f"{name} {amount:.3g}" for name, amount in self.terms.items())
        dated = "" if self.date in self.source else self.date
        said = [terms, self.provider, self.market, self.region, dated, self.source]
        known = ", ".join(filter(None, said))
        return f"{self.per_gpu_hour:.4g} a GPU-hour: {known}" if known else ""

    @property
    def warnings(self) -> tuple[str, ...]:
        """Whether it is too old to be counted on."""
        days = (today() - date.fromisoformat(self.date)).days if self.date else 0
        if days <= STALE_DAYS:
            return ()
        said = ", ".join(filter(None, (f"{self.per_gpu_hour:.4g} a GPU-hour", self.provider, f"asked {self.date}")))
        return (f"price: {said}, is {days:,} days old: ask again before booking",)


def today() -> date:
    """Of this machine, or of SOURCE_DATE_EPOCH, for texts that have to stay as they are."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    now = datetime.fromtimestamp(int(epoch), timezone.utc) if epoch.isdecimal() else datetime.now(timezone.utc)
    return now.date()


@frozen(kw_only=True, eq=False, repr=False)
class PriceAsked:
    """What a price is looked up for."""

    word: str
    """That was given for it: a name that the source has, or of a file or a provider that only a file knows."""
    hardware: HardwareProfile
    file: str = ""
    """The user's own list."""
    market: str = ""
    region: str = ""
    pue: float | None = None


class PriceSource(Protocol):
    """What a plugin of prices provides: a word for ``--price``, and the price that it stands for."""

    @property
    def name(self) -> str:
        """The word that ``--price`` takes for it."""

    @property
    def description(self) -> str:
        """One line that says what the word stands for."""

    @property
    def default(self) -> bool:
        """Whether it is meant where no word is given, and reads the user's files."""

    def price(self, asked: PriceAsked) -> Price:
        """Of an hour; BadInputError where none is known."""


@frozen(kw_only=True, eq=False, repr=False)
class Grid:
    """Electricity of a region, for ``--carbon NAME``."""

    name: str = field(validator=lookup_name)
    grams_per_kwh: float = field(validator=not_negative)
    """CO2 equivalent."""
    description: str = ""
    source: str = ""
    aliases: tuple[str, ...] = ()
    fact = "electricity"
    """The line of the report that its words stand in."""

    @staticmethod
    def of_table(table: Mapping[str, Any]) -> Grid:
        """As results hold it; BadInputError names the key that is wrong."""
        if set(table) != {"region", "grams_per_kwh", "source"}:
            raise BadInputError(f"{', '.join(map(str, table))}: wanted are region, grams_per_kwh and source")
        return Grid(name=table["region"], grams_per_kwh=table["grams_per_kwh"], source=table["source"])

    @property
    def table(self) -> dict[str, Any]:
        """The same as a table of a result or a plan file."""
        return {"region": self.name, "grams_per_kwh": self.grams_per_kwh, "source": self.source}

    @property
    def words(self) -> str:
        """``56 g CO2 a kWh: france, 2023, Ember``; nothing where only the number is known."""
        known = ", ".join(filter(None, (self.description, self.source)))
        return f"{self.grams_per_kwh:.4g} g CO2 a kWh: {self.name}, {known}" if known else ""


@frozen(repr=False)
class ApiPrice:
    """What an API asks for a million tokens."""

    per_million_input: float
    per_million_output: float

    def concerns(self, estimate: Any) -> Iterator[str]:
        """A word where serving costs more than the API however much of it is used."""
        from llmplan.estimate.figures import is_server
        from llmplan_prices.figures import break_even_share

        share = break_even_share(estimate)
        if share is not None and share > 1:
            what = "this server under any load" if is_server(estimate) else "this batch, over and over"
            even = f"{share:.3g} x its requests would break even"
            yield f"api-price {self.label}: the API costs less than {what}: {even}"

    @property
    def label(self) -> str:
        """The two prices as people write them: ``3/15``."""
        return f"{self.per_million_input:g}/{self.per_million_output:g}"

    def of_request(self, prompt: float, output: float) -> float:
        """Of a request of so many tokens."""
        return (prompt * self.per_million_input + output * self.per_million_output) / _MILLION
