"""Errors of many rows in a few numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import fmean, median

Summary = Mapping[str, float]


def summarised(errors: list[float]) -> Summary:
    """Rows, mean absolute, median and worst error."""
    return {
        "rows": len(errors),
        "mean_absolute_error": fmean(abs(error) for error in errors),
        "median_error": median(errors),
        "worst_error": max(errors, key=abs),
    }


def grouped(errors: Iterable[tuple[str, float]]) -> dict[str, Summary]:
    """The same by group, in the order in which the groups appear."""
    groups: dict[str, list[float]] = {}
    for group, error in errors:
        groups.setdefault(group, []).append(error)
    return {group: summarised(of) for group, of in groups.items()}


def mean_of_means(summaries: Iterable[Summary]) -> float | None:
    """Each source counts once, however many rows it has; None without any."""
    means = [summary["mean_absolute_error"] for summary in summaries]
    return fmean(means) if means else None
