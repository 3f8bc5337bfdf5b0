"""Latencies that were asked for, beside what a plan comes to: whether it keeps to them."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

from attrs import frozen

from llmplan.estimate.figures import kind_of_estimate, limits
from llmplan.records.plan import CONFIDENCE
from llmplan.request.latencies import latency_limits, percentile_of

if TYPE_CHECKING:
    from llmplan.request import InferRequest


@frozen
class Kept:
    """One latency and its limit, in seconds."""

    option: str
    """Without dashes: ``ttft``, ``tpot``, ``latency``."""
    limit: float
    percentile: int | None
    """Of requests; None on average, and where all are alike."""
    seconds: float
    """As estimated; infinite where more comes than is answered."""
    at_confidence: float
    """What it stays below with the confidence of the request; infinite where more would come than is answered."""

    @property
    def holds(self) -> bool:
        """Whether it can be counted on."""
        return self.at_confidence <= self.limit


def kept(estimate: Any, request: InferRequest) -> tuple[Kept, ...]:
    """Of an estimate of serving, each that was asked for: at a percentile where requests were simulated."""
    simulated = getattr(estimate, "simulated", None)
    percentile = None if simulated is None else percentile_of(request.percentile, request.requests)
    confidence, found = CONFIDENCE if request.confidence is None else request.confidence, []
    for option, limit in latency_limits(request).items():
        figure = limits(kind_of_estimate(estimate))[option]
        many = None if percentile is None else getattr(simulated, figure.key.removesuffix("_seconds"))
        value, spread = many[f"p{percentile}"] if many else figure.value(estimate), figure.spread(estimate)
        unanswered = getattr(estimate, "means", estimate) is None
        if value is None and not unanswered:
            continue  # answers of one token have no further ones
        value, doubt = (inf, 1.0) if value is None else (float(value), 1.0)
        if spread is not None and value < inf:
            doubt = float(spread.upper(confidence))
        found.append(Kept(option, limit, percentile if many else None, value, value * doubt))
    return tuple(found)


def exceeded(estimate: Any, request: InferRequest) -> float:
    """Times that the latency is as long as was asked for which exceeds that most; 1 where all hold."""
    return max((1.0, *(one.at_confidence / one.limit for one in kept(estimate, request))))
