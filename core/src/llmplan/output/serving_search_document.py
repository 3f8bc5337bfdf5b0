"""The JSON contract of a search for a server."""

from __future__ import annotations

from math import inf
from typing import Any

from attrs import evolve

from llmplan.output.search_document import search_document
from llmplan.search.result import SearchResult
from llmplan.search.serving.frontier import row_of
from llmplan.search.serving.limits import Limits
from llmplan.search.serving.why import Reason


def serving_search_document(result: SearchResult) -> dict[str, Any]:
    """What ``--json`` prints: the keys of any search; the frontier is one of points in closed form."""
    limits = limits_of(result)
    of_any = search_document(evolve(result, why=(), pareto=(), pareto_of=()))
    return {
        **{key: value for key, value in of_any.items() if key not in ("confidence", "by_estimate")},
        "why": [_reason(reason) for reason in result.why],
        "pareto_of": list(result.pareto_of),
        "pareto": [_finite(row_of(point, limits)) for point in result.pareto],
    }


def limits_of(result: SearchResult) -> Limits:
    """The latencies that were asked for."""
    return Limits({name: limit for name, limit in result.constraints.items() if name != "percentile"})


def _finite(row: dict[str, Any]) -> dict[str, Any]:
    return {name: None if value == inf else value for name, value in row.items()}


def _reason(reason: Reason) -> dict[str, Any]:
    return {
        "against": reason.against,
        "better": reason.better,
        "held_back": reason.held_back,
        "changed": {name: list(pair) for name, pair in reason.changed.items()},
        "terms": dict(reason.terms),
        "unit": "GPU-seconds of an output token",
    }
