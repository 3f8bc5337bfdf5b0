"""How far off the latencies of a loaded server may be: passes that take f times as long make waiting longer still.

A server whose passes take f times as long, at a rate of requests, is in slow motion: f times the latencies that it has
at f times the rate. With a number of users all of it takes f times as long.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from math import inf

from attrs import frozen

from llmplan.estimate import InferenceEstimate, Means, Spread
from llmplan_serving_load.queueing.closed_form import open_means
from llmplan_serving_load.queueing.server import Server

LATENCIES = ("first_token_seconds", "next_token_seconds", "total_seconds")
Spreads = tuple[Spread, Spread, Spread]


@frozen(kw_only=True, eq=False, repr=False)
class LoadedSpread(Spread):
    """Of a latency, made of the spread of passes."""

    passes: Spread
    grown: Callable[[float], float]
    """Times that it is as long where passes take so many times as long."""

    def upper(self, confidence: float) -> float:
        """Where passes take what they stay below with this confidence."""
        return self.grown(float(self.passes.upper(confidence)))


def spreads_of(
    server: Server, closed: Means, prefill: InferenceEstimate, decode: InferenceEstimate
) -> Callable[[], Spreads | None]:
    """Of the first token, of a further one, of a whole answer; made when they are asked for, which few are."""

    @cache
    def spreads() -> Spreads | None:
        first, further = prefill.first_token_spread, decode.next_token_spread
        if first is None or further is None:
            return None
        one, two, three = (
            _loaded(passes, partial(grown, server, closed, name))
            for name, passes in zip(LATENCIES, (first, further, further), strict=True)
        )
        return one, two, three

    return spreads


def _loaded(passes: Spread, times: Callable[[float], float]) -> Spread:
    return LoadedSpread(
        low=times(float(passes.low)),
        high=times(float(passes.high)),
        rows=passes.rows,
        extrapolated=passes.extrapolated,
        passes=passes,
        grown=times,
    )


def grown(server: Server, closed: Means, name: str, times: float) -> float:
    """Of a latency in closed form, where passes take so many times as long; infinite where too much comes then."""
    rate, latency = server.plan.workload.offered_rate, getattr(closed, name)
    if rate is None or latency is None or times == 1.0:
        return times
    slow = open_means(server, rate * times)
    return inf if slow is None else float(times * getattr(slow, name) / latency)
