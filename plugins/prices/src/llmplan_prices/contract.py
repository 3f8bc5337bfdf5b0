"""What ``llmplan plugins check`` asks of prices and grids: somebody says so, and no other unit is meant."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from math import isclose

from llmplan.catalogues import registry
from llmplan.errors import BadInputError, LlmplanError
from llmplan_prices.quotes import published
from llmplan_prices.records import Grid, Price, PriceAsked, PriceSource, today

_TIMES = 100.0
"""That a price may be away from all that are published, in whatever currency; a month has 730 hours."""
_ROUNDING = 0.01
_GRAMS = (1.0, 1500.0)
"""Of a kilowatt-hour, from hydropower to lignite."""


def check_price(source: PriceSource) -> None:
    """It has a price, or BadInputError, of accelerators with published ones, of the same size as these."""
    prices = list(_prices(source))
    for gpu, price in prices:
        where = f"{source.name}: price of {gpu}"
        _require(bool(price.provider and price.source), f"{where}: no {'source' if price.provider else 'provider'}")
        ahead = price.date and date.fromisoformat(price.date) > today()
        _require(not ahead, f"{where}: date: {price.date} is still to come")
        whole = sum(price.terms.values())
        _require(
            not price.terms or isclose(whole, price.per_gpu_hour, rel_tol=_ROUNDING),
            f"{where}: terms: come to {whole:g}, per_gpu_hour is {price.per_gpu_hour:g}",
        )
        known = [quote.usd_per_gpu_hour for quote in published() if quote.gpu == gpu]
        low, high = min(known) / _TIMES, max(known) * _TIMES
        _require(
            low <= price.per_gpu_hour <= high,
            f"{where}: per_gpu_hour: {price.per_gpu_hour:g} is not in {low:.3g} to {high:.3g}: is it of one hour?",
        )


def _prices(source: PriceSource) -> Iterator[tuple[str, Price]]:
    for gpu in dict.fromkeys(quote.gpu for quote in published()):
        if gpu not in registry().gpus:
            continue
        try:
            price = source.price(PriceAsked(word=source.name, hardware=registry().gpus[gpu]))
        except LlmplanError:  # it has none of this accelerator
            continue
        if not isinstance(price, Price):
            raise BadInputError(f"{source.name}: price: returned a {type(price).__name__}, not a Price")
        yield gpu, price


def check_grid(grid: Grid) -> None:
    """It has a source, and grams of one kilowatt-hour."""
    _require(bool(grid.source), f"{grid.name}: no source")
    low, high = _GRAMS
    grams = grid.grams_per_kwh
    right = grams == 0 or low <= grams <= high
    _require(right, f"{grid.name}: grams_per_kwh: {grams:g} is not in {low:g} to {high:g}: is it grams of one kWh?")


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise BadInputError(message)
