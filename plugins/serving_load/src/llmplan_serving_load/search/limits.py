"""What a server is compared by, and the latencies that it has to keep to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from attrs import frozen

from llmplan.estimate import Means, Simulated
from llmplan.estimate.figures import SERVER, limits
from llmplan.request import InferRequest
from llmplan.request.latencies import latency_limits, percentile_of

Latencies: TypeAlias = Mapping[str, float | None]
"""Seconds by option; None of a further token where there is none."""
LATENCIES = {option: figure.key for option, figure in limits(SERVER).items()}
"""Options, and where means have the figures that they limit."""
_PERCENTILES = {option: name.removesuffix("_seconds") for option, name in LATENCIES.items()}


@frozen(eq=False)
class Limits:
    """Latencies that must not be exceeded with the confidence asked for, by option, in seconds: on average, or by a
    percentile of requests.
    """

    of: Mapping[str, float]
    percentile: int | None = None

    @classmethod
    def asked(cls, asked: InferRequest) -> Limits:
        """The limits that the search was given."""
        return cls(latency_limits(asked), percentile_of(asked.percentile, asked.requests))

    def broken(self, latencies: Latencies) -> str | None:
        """The first limit that is broken."""
        for name, limit in self.of.items():
            found = latencies[name]
            if found is not None and found > limit:
                return name
        return None

    def breaks(self, points: Any, but: str | None = None) -> Any:
        """Which of many points, whose latencies are arrays, break a limit, `but` one."""
        found = np.zeros(len(points.at), bool)
        for name, limit in self.of.items():
            if name != but:
                found |= _above(points, name, limit)
        return found

    def first_broken(self, points: Any) -> Mapping[str, int]:
        """How many points break each limit, counted at the first that they break."""
        found, counts = np.zeros(len(points.at), bool), {}
        for name, limit in self.of.items():
            above = _above(points, name, limit) & ~found
            found |= above
            if above.any():
                counts[name] = int(above.sum())
        return counts

    def longer(self, means: Means, measured: Latencies) -> dict[str, float]:
        """Times that each is measured to be as long as the means in closed form, 1 at least."""
        expected = latencies_of(means)
        return {name: max(1.0, (measured[name] or 0.0) / (expected[name] or 1.0)) for name in self.of}

    def tightened(self, longer: Mapping[str, float]) -> Limits:
        """Of means in closed form, so that what is measured to be so many times as long holds."""
        return Limits({name: limit / longer.get(name, 1.0) for name, limit in self.of.items()})

    def measured(self, means: Means, simulated: Simulated | None) -> Latencies:
        """As a report has them: in closed form where nothing is simulated; or the percentile that is asked for."""
        if simulated is None:
            return latencies_of(means)
        if self.percentile is None:
            return latencies_of(simulated.means)
        of: dict[str, Any] = {name: getattr(simulated, figure) for name, figure in _PERCENTILES.items()}
        return {name: values and values[f"p{self.percentile}"] for name, values in of.items()}


def _above(points: Any, name: str, limit: float) -> Any:
    """Where the latency is longer; never where there is none."""
    latency, key = getattr(points, LATENCIES[name]), LATENCIES[name]
    return (points.counted_on(key) > limit) & (latency < np.inf)


def times_as_long(latencies: Latencies, longer: Mapping[str, float]) -> Latencies:
    """By option, each so many times as long as estimated."""
    return {name: value and value * longer[LATENCIES[name]] for name, value in latencies.items()}


def latencies_of(means: Means) -> Latencies:
    """The latencies of a point, by the option that limits each."""
    return {name: getattr(means, figure) for name, figure in LATENCIES.items()}


def excess_of(limits: Limits, points: Any) -> Any:
    """Times that the limit is exceeded which is exceeded most."""
    found: Any = np.zeros(len(points.at))
    for name, limit in limits.of.items():
        latency, sure = getattr(points, LATENCIES[name]), points.counted_on(LATENCIES[name])
        found = np.maximum(found, np.where(latency < np.inf, sure, 0.0) / limit)
    return found
