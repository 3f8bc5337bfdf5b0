"""What a request says of money and emissions, looked up: of plans that cost nothing nobody imports it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from llmplan.catalogues import registry
from llmplan.catalogues.guard import Guard, WrongAnswerError
from llmplan.errors import BadInputError, UnknownNameError
from llmplan.estimate import Settled
from llmplan.request import option_name
from llmplan.space.choice import default_record
from llmplan_prices.records import Grid, Price, PriceAsked, PriceSource

if TYPE_CHECKING:
    from llmplan.records import HardwareProfile
    from llmplan.request import PlanRequest

_BESIDE = ("price_market", "price_region", "price_file")
"""Options that mean something where a price is looked up."""


def settled(request: PlanRequest, hardware: HardwareProfile) -> Settled:
    """The price of an hour where it is given or looked up, the electricity, and what an API asks."""
    price, grid, api = price_of(request, hardware), grid_of(request), request.joined.get("api_price")
    parts = {"price": price, "carbon": grid, "api_price": api}
    known = None if price is None else price.per_gpu_hour
    return Settled(parts={name: part for name, part in parts.items() if part is not None}, price_per_gpu_hour=known)


def price_of(request: PlanRequest, hardware: HardwareProfile) -> Price | None:
    """Of an hour of the accelerator, where these options say more than its number."""
    stated, word = request.price_per_gpu_hour, request.joined.get("price")
    beside = {name: value for name in _BESIDE if (value := request.joined.get(name)) is not None}
    if word is None and not beside:
        return None
    if stated is not None:
        name, value = ("price", word) if word is not None else next(iter(beside.items()))
        said = value.per_gpu_hour if isinstance(value, Price) else value
        raise BadInputError(f"{option_name(name)}: {said} contradicts price-per-gpu-hour {stated:g}; give one of them")
    if isinstance(word, (float, Price)):
        if beside:
            name, value = next(iter(beside.items()))
            raise BadInputError(f"{option_name(name)}: {value} is where a price is looked up, and price states one")
        return word if isinstance(word, Price) else Price(per_gpu_hour=word)
    return _looked_up(word, hardware, beside, request.pue)


def _looked_up(word: str | None, hardware: HardwareProfile, beside: Mapping[str, Any], pue: float | None) -> Price:
    """By the source of that name; words that no source has are those of the user's own files."""
    sources = registry().catalogue("prices")
    usual: PriceSource = default_record(sources, "price")
    word = usual.name if word is None else word
    if word.endswith(".csv"):
        raise BadInputError(f"price: {word} is a list of prices: give it as --price-file {word}")
    in_files = word not in sources and (word.endswith(".toml") or "price_file" in beside)
    source = usual if in_files else sources[word]
    asked = PriceAsked(
        word=word if in_files else source.name,
        hardware=hardware,
        pue=pue,
        **{name.removeprefix("price_"): value for name, value in beside.items()},
    )
    with Guard(sources.kind, source.name):
        found = source.price(asked)
        if not isinstance(found, Price):
            raise WrongAnswerError(f"answered with a {type(found).__name__}, not a Price")
    return found


def grid_of(request: PlanRequest) -> Grid | None:
    """The electricity that is asked about; None where none is."""
    given = request.joined.get("carbon")
    if given is None or isinstance(given, Grid):
        return given
    if isinstance(given, float):
        return Grid(name="given", grams_per_kwh=given)
    try:
        found: Grid = registry().catalogue("grids")[given]
    except UnknownNameError as error:
        raise UnknownNameError(f"carbon: {error}", error.instead) from error
    return found
