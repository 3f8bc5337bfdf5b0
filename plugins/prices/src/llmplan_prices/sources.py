"""Words for ``--price``: percentiles over providers, and providers by their names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from difflib import get_close_matches
from itertools import groupby
from math import floor

from attrs import evolve, frozen

from llmplan.errors import BadInputError, UnknownNameError
from llmplan.records.checks import check_name
from llmplan_prices.quotes import ON_DEMAND, Quote, kept, of_file, place, published
from llmplan_prices.records import Price, PriceAsked

PERCENTILES = {"p10": 0.10, "p25": 0.25, "median": 0.5, "p75": 0.75, "p90": 0.90}
USUAL = "median"
_DIGITS = 6
"""Behind the point, of a price between two others: a millionth of a dollar."""


@frozen(eq=False, repr=False)
class Percentile:
    """Of what providers ask, each with the least that it asks."""

    name: str
    share: float
    description: str
    default: bool = False

    def price(self, asked: PriceAsked) -> Price:
        """Of the word; of files this source reads the words that no list has a name for."""
        if asked.word.endswith(".toml"):
            from llmplan_prices.own_hardware import price_of_own

            return price_of_own(asked)
        if asked.word != self.name:
            return Provider(asked.word, "").price(asked)
        quotes, own = _quotes(asked, lambda _quote: True)
        least = sorted(_least_of_each(quotes), key=_dearness)
        if len(least) == 1:
            return least[0].price(own=own)
        return _percentile(self, least, own=own)


@frozen(eq=False, repr=False)
class Provider:
    """The least that one provider asks."""

    name: str
    description: str
    default: bool = False

    def price(self, asked: PriceAsked) -> Price:
        """The least that this provider asks for the accelerator."""
        quotes, own = _quotes(asked, lambda quote: quote.provider == self.name.lower(), self.name)
        return min(quotes, key=_dearness).price(own=own)


def sources() -> Iterator[Percentile | Provider]:
    """Percentiles first, then every provider of the list, and of the user's own where it can be read."""
    for name, share in PERCENTILES.items():
        what = "the middle of what providers ask" if name == USUAL else f"{share:.0%} of providers ask less"
        yield Percentile(name, share, what, default=name == USUAL)
    try:
        own = kept()
    except BadInputError:  # said to whoever asks for a price
        own = ()
    every = sorted((*published(), *own), key=lambda quote: quote.provider)
    for name, quotes in groupby(every, key=lambda quote: quote.provider):
        if _is_a_name(name) and name not in PERCENTILES:
            yield Provider(name, _described(list(quotes)))


def _is_a_name(provider: str) -> bool:
    """Whether it can be looked up among the names of plugins."""
    try:
        check_name(provider)
    except BadInputError:
        return False
    return True


def _described(quotes: Sequence[Quote]) -> str:
    gpus, markets = {quote.gpu for quote in quotes}, dict.fromkeys(quote.market for quote in quotes)
    dates = sorted(quote.date for quote in quotes)
    number = "1 accelerator" if len(gpus) == 1 else f"{len(gpus)} accelerators"
    return f"{number}, {', '.join(markets)}; {_between(dates)}"


def _between(dates: Sequence[str]) -> str:
    return dates[0] if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}"


def _quotes(asked: PriceAsked, wanted: Callable[[Quote], bool], whose: str = "") -> tuple[list[Quote], bool]:
    """What the question is about, and whether the user's own list has it: the file that is named, and no other; else
    the one in the usual place, where that has such prices; else this package's.
    """
    if asked.file:
        return _matching(of_file(asked.file), asked, wanted, whose, f"price-file: {asked.file}"), True
    own = [quote for quote in kept() if quote.is_of(asked.hardware) and wanted(quote)]
    if own and (not asked.market or any(quote.market == asked.market for quote in own)):
        return _matching(own, asked, wanted, whose, str(place())), True
    return _matching(published(), asked, wanted, whose, "price"), False


def _matching(
    quotes: Iterable[Quote], asked: PriceAsked, wanted: Callable[[Quote], bool], whose: str, where: str
) -> list[Quote]:
    """Those of the accelerator, the provider, the market and the region; BadInputError says what there is."""
    gpu, every = asked.hardware.name, list(quotes)
    of_gpu = [quote for quote in every if quote.is_of(asked.hardware)]
    if not of_gpu:
        known = ", ".join(dict.fromkeys(quote.gpu for quote in every))
        raise BadInputError(f"{where}: no price of {gpu}; state one, --price 2.5, or there are {known}")
    found = [quote for quote in of_gpu if wanted(quote)]
    if not found:
        raise _unknown(where, whose, gpu, every, of_gpu)
    found = _in_market(found, asked.market, gpu)
    if not asked.region:
        return found
    regions = dict.fromkeys(quote.region for quote in found if quote.region)
    found = [quote for quote in found if quote.region.lower() in ("", asked.region.lower())]
    if not found:
        raise _none_such("price-region", asked.region, gpu, regions)
    return found


def _unknown(where: str, whose: str, gpu: str, every: Sequence[Quote], of_gpu: Sequence[Quote]) -> BadInputError:
    providers = dict.fromkeys(quote.provider for quote in of_gpu)
    if any(quote.provider == whose for quote in every):
        return BadInputError(f"{where}: {whose} has no price of {gpu}; {', '.join(providers)} have")
    near = get_close_matches(whose.lower(), [*providers, *PERCENTILES], n=1)
    said = f"did you mean {near[0]}?" if near else f"there are {', '.join((*PERCENTILES, *providers))}"
    return UnknownNameError(f"{where}: {whose!r} is unknown; {said}", (whose, near[0]) if near else None)


def _in_market(quotes: list[Quote], market: str, gpu: str) -> list[Quote]:
    """Of the one that is asked for; else on demand, or where nobody sells so, all there is."""
    wanted = market.lower() or ON_DEMAND
    found = [quote for quote in quotes if quote.market == wanted]
    if not found and market:
        markets = dict.fromkeys(quote.market for quote in quotes)
        raise _none_such("price-market", market, gpu, markets)
    return found or quotes


def _none_such(option: str, word: str, gpu: str, known: Iterable[str]) -> BadInputError:
    names = list(known)
    near = get_close_matches(word.lower(), names, n=1)
    said = f"did you mean {near[0]}?" if near else f"there are {', '.join(names) or 'none'}"
    return UnknownNameError(f"{option}: no {word!r} price of {gpu}; {said}", (word, near[0]) if near else None)


def _dearness(quote: Quote) -> tuple[float, str, str]:
    return quote.usd_per_gpu_hour, quote.provider, quote.region


def _least_of_each(quotes: Iterable[Quote]) -> Iterator[Quote]:
    """One a provider, so that one with many regions counts no more than another."""
    ordered = sorted(quotes, key=lambda quote: (quote.provider, *_dearness(quote)))
    for _, of_one in groupby(ordered, key=lambda quote: quote.provider):
        yield next(of_one)


def _percentile(source: Percentile, least: Sequence[Quote], *, own: bool) -> Price:
    """Between the two nearest, as the usual definition has it; as old as the middle one of all that count."""
    place_of = source.share * (len(least) - 1)
    below = floor(place_of)
    low, high = least[below].usd_per_gpu_hour, least[min(below + 1, len(least) - 1)].usd_per_gpu_hour
    dates = sorted(quote.date for quote in least)
    middle = dates[(len(dates) - 1) // 2]
    names = ", ".join(f"{quote.provider} {quote.usd_per_gpu_hour:.4g}" for quote in least)
    markets, regions = {quote.market for quote in least}, {quote.region for quote in least}
    return evolve(
        least[below].price(own=own),
        per_gpu_hour=round(low + (high - low) * (place_of - below), _DIGITS),
        provider=f"{source.name} of {len(least)} providers",
        market=" and ".join(sorted(markets)),
        region=regions.pop() if len(regions) == 1 else "",
        date=middle,
        source=f"asked {_between(dates)}, the middle one {middle}: {names}" if middle else names,
    )
