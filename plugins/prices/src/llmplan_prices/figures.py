"""What serving costs by the hour, against what an API asks for it, and what training and serving emit."""

from __future__ import annotations

from typing import Any

from llmplan.arrays.quantities import Number
from llmplan.estimate.figure import LOW, Figure
from llmplan.estimate.figures import is_server

_HOURS_PER_MONTH = 730.0
"""8,760 of a year / 12."""
_SECONDS_PER_HOUR = 3600.0
_MILLION = 1e6
_JOULES_PER_KWH = 3.6e6
_GRAMS_PER_TONNE = 1e6


def price_per_hour(estimate: Any) -> Number | None:
    """Of all accelerators, those of both pools of a server; None where no price is known."""
    price, gpus = estimate.plan.price_per_gpu_hour, estimate.plan.layout.gpus
    if price is None:
        return None
    paid: Number = price * (estimate.server.gpus if is_server(estimate) else gpus)
    return paid


def price_per_month(estimate: Any) -> Number | None:
    """The same of a twelfth of a year."""
    price = price_per_hour(estimate)
    return None if price is None else _HOURS_PER_MONTH * price


def _lengths(estimate: Any) -> tuple[float, float]:
    """Tokens of a prompt and of an answer, on average."""
    if is_server(estimate):
        return estimate.mean_lengths
    return estimate.plan.prompt_tokens, estimate.plan.output_tokens


def _price_at_api(estimate: Any) -> float | None:
    """Of a request; None where the API's price is not known."""
    api = estimate.plan.parts.get("api_price")
    return None if api is None else float(api.of_request(*_lengths(estimate)))


def api_cost_per_million_tokens(estimate: Any) -> Number | None:
    """Of generated tokens with their prompts, at the API."""
    price = _price_at_api(estimate)
    return None if price is None else price / _lengths(estimate)[1] * _MILLION


def break_even_requests_per_second(estimate: Any) -> Number | None:
    """At which an hour of the accelerators costs what the API asks for the requests of that hour."""
    price, api = price_per_hour(estimate), _price_at_api(estimate)
    return None if price is None or api is None else price / _SECONDS_PER_HOUR / api


def break_even_share(estimate: Any) -> Number | None:
    """The same of the most that can be answered: by a server at its capacity, by a batch over and over."""
    even = break_even_requests_per_second(estimate)
    if even is None:
        return None
    if is_server(estimate):
        most = None if estimate.capacity is None else estimate.capacity.requests_per_second
    else:
        most = estimate.tokens_per_second / estimate.plan.output_tokens
    return even / most if most else None


def carbon_tonnes(estimate: Any) -> Number | None:
    """CO2 equivalent of a run's energy; None where that, or what a kilowatt-hour emits, is not known."""
    kwh, grid = estimate.energy_kwh, estimate.plan.parts.get("carbon")
    return None if kwh is None or grid is None else kwh * grid.grams_per_kwh / _GRAMS_PER_TONNE


def carbon_grams_per_million_tokens(estimate: Any) -> Number | None:
    """The same of generated tokens."""
    joules, grid = estimate.joules_per_token, estimate.plan.parts.get("carbon")
    return None if joules is None or grid is None else joules * _MILLION / _JOULES_PER_KWH * grid.grams_per_kwh


_TRAIN, _BATCH, _SERVER = ("train",), ("infer",), ("server",)
_SERVING = (*_BATCH, *_SERVER)
_API, _CARBON = "--api-price and --price", "--carbon"
_TIME, _RATE, _MOST = "time_spread", "throughput_spread", "capacity_spread"
_PERCENT = 0.01

FIGURES = (
    Figure(
        "carbon_tonnes", "t", "of CO2 equivalent: `energy_kwh` x what a kWh emits, without what the hardware took to "
        "make", _TRAIN, better=LOW, range=_TIME, fact="carbon", say="{value} CO2{range} at "
        "{plan.parts[carbon].grams_per_kwh:.4g} g a kWh", needs=_CARBON, heading="CO2, t", of=carbon_tonnes,
        after="energy_kwh",
    ),
    Figure(
        "api_cost_per_million_tokens", "money", "of generated tokens, with their prompts: what an API asks for the "
        "same", _SERVING, fact="break-even", say="the API takes {value} per million output tokens", needs="--api-price",
        of=api_cost_per_million_tokens, after="cost_per_million_tokens",
    ),
    Figure(
        "break_even_requests_per_second", "requests/s", "that cost as much here as at the API: with more, the GPUs "
        "cost less", _SERVING, better=LOW, fact="break-even", say="less here from {value} requests/s on", needs=_API,
        of=break_even_requests_per_second, after="api_cost_per_million_tokens",
    ),
    Figure(
        "break_even_share", "share", "these / those that this batch answers over and over", _BATCH, better=LOW,
        range=_MOST, fact="break-even", say="{value} of what this batch answers", needs=_API, heading="break-even, %",
        scale=_PERCENT, of=break_even_share, after="break_even_requests_per_second",
    ),
    Figure(
        "break_even_share", "share", "these / the most that can be answered; above 1 the API costs less under any load",
        _SERVER, better=LOW, range=_MOST, fact="break-even", say="{value} of the most that it answers", needs=_API,
        heading="break-even, %", scale=_PERCENT, of=break_even_share, after="break_even_requests_per_second",
    ),
    Figure(
        "price_per_hour", "money", "of all GPUs", _SERVING, better=LOW, fact="price", say="{value} an hour",
        of=price_per_hour, after="break_even_share",
    ),
    Figure(
        "price_per_month", "money", "the same of 730 hours", _SERVING, better=LOW, fact="price", say="{value} a month",
        heading="price a month", of=price_per_month, after="price_per_hour",
    ),
    Figure(
        "carbon_grams_per_million_tokens", "g", "of CO2 equivalent, for generated tokens: their energy x what a kWh "
        "emits, without what the hardware took to make", _SERVING, better=LOW, range=_RATE, fact="carbon",
        say="{value} CO2 per million output tokens at {plan.parts[carbon].grams_per_kwh:.4g} g a kWh", needs=_CARBON,
        heading="CO2 of 1M, g", of=carbon_grams_per_million_tokens, after="joules_per_token",
    ),
)  # fmt: skip
"""In the table of all figures, each behind another."""
