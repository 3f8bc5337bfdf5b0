"""What a request says of money and emissions, looked up: of plans that cost nothing nobody imports it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmplan.catalogues import GRIDS, PRICES, registry
from llmplan.errors import BadInputError, UnknownNameError
from llmplan.request import option_name

if TYPE_CHECKING:
    from llmplan.records import Grid, HardwareProfile, Price, PriceSource
    from llmplan.request import InferRequest, TrainRequest

_BESIDE = ("price_market", "price_region", "price_file")
"""Options that mean something where a price is looked up."""
_PLUGIN = "pip install llmplan-prices"


def price_of(request: TrainRequest | InferRequest, hardware: HardwareProfile) -> Price | None:
    """Of an hour of the accelerator: the one that is stated, looked up, or the cluster's; None where none is known."""
    stated, word = request.price_per_gpu_hour, request.price
    beside = {name: value for name in _BESIDE if (value := getattr(request, name)) is not None}
    usual = hardware.cluster.price_per_gpu_hour if stated is None else stated
    if word is None and not beside and usual is None:
        return None
    from llmplan.records import Price

    if stated is not None and (word is not None or beside):
        name, value = ("price", word) if word is not None else next(iter(beside.items()))
        said = value.per_gpu_hour if isinstance(value, Price) else value
        raise BadInputError(f"{option_name(name)}: {said} contradicts price-per-gpu-hour {stated:g}; give one of them")
    if isinstance(word, (float, Price)):
        if beside:
            name, value = next(iter(beside.items()))
            raise BadInputError(f"{option_name(name)}: {value} is where a price is looked up, and price states one")
        return word if isinstance(word, Price) else Price(per_gpu_hour=word)
    if word is not None or beside:
        return _looked_up(word, hardware, beside, request.pue)
    return None if usual is None else Price(per_gpu_hour=usual)


def _looked_up(word: str | None, hardware: HardwareProfile, beside: dict[str, Any], pue: float | None) -> Price:
    """By the source of that name; words that no source has are those of the user's own files."""
    sources = registry().prices
    if not sources:
        raise BadInputError(f"price: {word or 'of a file'} is looked up by a plugin, and none is installed: {_PLUGIN}")
    from llmplan.catalogues.guard import Guard, WrongAnswerError
    from llmplan.records import Price, PriceAsked
    from llmplan.space.choice import default_record

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
    with Guard(PRICES, source.name):
        found = source.price(asked)
        if not isinstance(found, Price):
            raise WrongAnswerError(f"answered with a {type(found).__name__}, not a Price")
    return found


def grid_of(request: TrainRequest | InferRequest) -> Grid | None:
    """The electricity that is asked about; None where none is."""
    given = request.carbon
    if given is None:
        return None
    from llmplan.records import Grid

    if isinstance(given, Grid):
        return given
    if isinstance(given, float):
        return Grid(name="given", grams_per_kwh=given)
    if not registry().grids:
        raise BadInputError(f"carbon: {given} is looked up by a plugin, and none is installed: {_PLUGIN}")
    try:
        found: Grid = registry().catalogue(GRIDS)[given]
    except UnknownNameError as error:
        raise UnknownNameError(f"carbon: {error}", error.instead) from error
    return found
