"""The JSON contract of a search."""

from __future__ import annotations

from enum import Enum
from math import inf
from typing import Any

from llmplan.output.document import SCHEMA, document
from llmplan.search.infeasible import Verdict
from llmplan.search.result import Counts, SearchResult
from llmplan.search.why import Comparison


def search_document(result: SearchResult) -> dict[str, Any]:
    """What ``--json`` prints."""
    return {
        "schema": f"llmplan.search/{SCHEMA}",
        "objective": result.objective,
        "space": {name: [_plain(value) for value in values] for name, values in result.space.items()},
        "confidence": result.confidence,
        "constraints": dict(result.constraints),
        "feasible": result.feasible,
        "complete": result.complete,
        "plans": _plans(result.counts),
        "seconds": result.seconds,
        "plans_per_second": result.plans_per_second,
        "best": [document(estimate) for estimate in result.best],
        "by_estimate": None if result.by_estimate is None else document(result.by_estimate),
        "why": [_comparison(comparison) for comparison in result.why],
        "pareto_of": list(result.pareto_of) or None,
        "pareto": [document(estimate) for estimate in result.pareto] if result.pareto_of else None,
        "verdict": None if result.verdict is None else _verdict(result.verdict),
        "warnings": list(result.warnings),
    }


def _plain(value: Any) -> Any:
    """Words for modes; null for a ZeRO group of all ranks."""
    if isinstance(value, Enum):
        return getattr(value, "label", value.value)
    return None if value == inf else value


def _plans(counts: Counts) -> dict[str, Any]:
    names = ("legal", "pruned", "infeasible", "priced", "illegal_by", "pruned_by", "infeasible_by")
    return {name: getattr(counts, name) for name in names}


def _comparison(comparison: Comparison) -> dict[str, Any]:
    return {
        "against": comparison.against,
        "iteration_seconds": comparison.estimate.iteration_seconds,
        "changed": {name: list(pair) for name, pair in comparison.changed.items()},
        "terms": dict(comparison.terms),
        "unit": comparison.unit,
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "constraint": verdict.constraint,
        "plans": verdict.plans,
        "least": verdict.least,
        "limit": verdict.limit,
        "changes": [{"option": change.option, "value": _plain(change.value)} for change in verdict.changes],
        "nearest": None if verdict.nearest is None else document(verdict.nearest),
    }
