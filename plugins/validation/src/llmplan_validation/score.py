"""Errors summed up: by metric, by source, and the score, the mean of the sources' means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean, median
from typing import Protocol, TypeAlias

from llmplan.records import ValidationRow

MEMORY_METRICS = ("peak_memory_gb", "memory_gb", "max_batch")
GROUPS = ("time", "memory")
Summary: TypeAlias = Mapping[str, float]


class HasError(Protocol):
    """A row of a validation set that was priced."""

    @property
    def row(self) -> ValidationRow:
        """The published figure that it is held against."""

    @property
    def error(self) -> float:
        """How far off the prediction is: (predicted - measured) / measured."""


def group_of(metric: str) -> str:
    """``memory``, or ``time`` for all that follows from seconds."""
    return "memory" if metric in MEMORY_METRICS else "time"


def summary(checked: Iterable[HasError]) -> dict[str, Summary]:
    """By metric: rows, mean absolute, median and worst error."""
    errors: dict[str, list[float]] = {}
    for row in checked:
        errors.setdefault(row.row.metric, []).append(row.error)
    return {metric: _summary(values) for metric, values in errors.items()}


def by_source(checked: Iterable[HasError]) -> dict[str, dict[str, Summary | None]]:
    """By source the same, for time and for memory; None where it measured none of it.

    Rows without a source are left out.
    """
    errors: dict[str, dict[str, list[float]]] = {}
    for row in checked:
        if not row.row.source:
            continue
        groups = errors.setdefault(row.row.source, {"time": [], "memory": []})
        groups[group_of(row.row.metric)].append(row.error)
    return {
        source: {name: _summary(values) if values else None for name, values in groups.items()}
        for source, groups in errors.items()
    }


def score(checked: Iterable[HasError]) -> dict[str, float | None]:
    """The mean of the sources' mean absolute errors, over rows that count."""
    sources = by_source(row for row in checked if row.row.counts)
    means: dict[str, float | None] = {}
    for group in GROUPS:
        errors = [found["mean_absolute_error"] for groups in sources.values() if (found := groups[group]) is not None]
        means[group] = fmean(errors) if errors else None
    return means


def _summary(errors: Sequence[float]) -> Summary:
    return {
        "rows": len(errors),
        "mean_absolute_error": fmean(abs(error) for error in errors),
        "median_error": median(errors),
        "worst_error": max(errors, key=abs),
    }
