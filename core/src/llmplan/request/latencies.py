"""Latencies that a server has to keep to: options of one plan and of a search alike."""

from __future__ import annotations

from typing import Any

from llmplan.request.options import Options, option
from llmplan.request.values import as_float, as_latency, refuse

PERCENTILES = (50, 90, 95, 99)
USUAL_PERCENTILE = 95
MEAN = "mean"
LIMITED = ("ttft", "tpot", "latency")
"""Options: of the first token, of each further one, of the whole answer."""
_LONGEST_TOKEN = 10.0
"""Seconds: whoever gives more for one token has left out the unit."""


def percentile_option() -> Any:
    """Of requests: a field of a request with a load, and of a search."""
    return option(
        f"Of requests that keep to latencies: {', '.join(map(str, PERCENTILES))}, {USUAL_PERCENTILE} by default; or "
        f"{MEAN}: on average.",
        _percentile,
        metavar=f"PERCENT|{MEAN}",
        word=True,
    )


def _percentile(value: Any, name: str) -> int | str:
    if value == MEAN:
        return MEAN
    number = as_float(value, name, wanted := f"one of {', '.join(map(str, PERCENTILES))} or {MEAN}")
    if number not in PERCENTILES:
        raise refuse(name, value, wanted)
    return int(number)


def first_token_option() -> Any:
    """The longest that may be, as the next two: fields of a request of inference, and of a search."""
    help_text = "Longest time to the first token, waiting included: 500ms or 0.5s."
    return option(help_text, as_latency("500ms or 0.5s"), metavar="TIME")


def each_token_option() -> Any:
    """The option that limits the time of each token after the first."""
    help_text = "Longest time per output token after it: 50ms."
    return option(help_text, as_latency("50ms or 0.05s", _LONGEST_TOKEN), metavar="TIME")


def answer_option() -> Any:
    """From a request to its last token."""
    return option("Longest time of a whole answer: 10s.", as_latency("10s or 2.5s"), metavar="TIME")


def latency_limits(request: Options) -> dict[str, float]:
    """Those that were given, by option."""
    given = {name: getattr(request, name) for name in LIMITED}
    return {name: limit for name, limit in given.items() if limit is not None}


def percentile_of(given: int | str | None, requests: int | None) -> int | None:
    """That latencies are limited by, None on average: so where nothing is simulated, of which there are means alone."""
    if given is None:
        return None if requests == 0 else USUAL_PERCENTILE
    return None if given == MEAN else int(given)
