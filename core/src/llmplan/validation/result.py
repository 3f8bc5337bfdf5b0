"""A set of published figures beside what llmplan says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from llmplan.records import ValidationRow
from llmplan.validation.metrics import MEMORY, METRICS, TIME
from llmplan.validation.scores import Summary, grouped, mean_of_means

GROUPS = (TIME, MEMORY)
_RECALLED = "memory"


@frozen
class Checked:
    """A row and what llmplan says."""

    row: ValidationRow
    predicted: float

    @property
    def error(self) -> float:
        """(predicted - measured) / measured."""
        return (self.predicted - self.row.measured) / self.row.measured

    @property
    def agrees(self) -> bool:
        """To every printed digit."""
        return self.row.shown(self.predicted) == self.row.measured

    @property
    def group(self) -> str | None:
        """Time or memory; None for what is neither."""
        return METRICS[self.row.metric][0] if self.row.metric in METRICS else None

    @property
    def recalled(self) -> bool:
        """Whether the figure was not read anywhere: it does not count."""
        return self.row.provenance == _RECALLED

    def document(self, *, exact: bool) -> dict[str, Any]:
        """Its part of the JSON contract."""
        row = self.row
        said = {
            "id": row.id,
            "metric": row.metric,
            "measured": row.measured,
            "predicted": self.predicted,
            "error": self.error,
        }
        return said | ({"agrees": self.agrees} if exact else {"source": row.source, "provenance": row.provenance})


@frozen
class Validation:
    """A set that has been run."""

    name: str
    exact: bool
    checked: tuple[Checked, ...]
    skipped: tuple[tuple[str, str], ...]
    """Rows that cannot be priced, with the reason."""

    @property
    def passed(self) -> bool:
        """Whether every row of an exact set agrees; a set that is not exact only reports."""
        return not self.exact or (not self.skipped and all(checked.agrees for checked in self.checked))

    def document(self) -> dict[str, Any]:
        """The JSON contract of ``llmplan validate``."""
        return {
            "schema": "llmplan.validate/1",
            "set": self.name,
            "passed": self.passed,
            "rows": [checked.document(exact=self.exact) for checked in self.checked],
            "skipped": [{"id": row_id, "reason": reason} for row_id, reason in self.skipped],
            "summary": self.summary(),
            "sources": self.sources(),
            "recalled": self.sources(recalled=True),
            "score": self.score(),
        }

    def summary(self) -> dict[str, Summary]:
        """By metric: rows, mean absolute, median and worst error."""
        return grouped((checked.row.metric, checked.error) for checked in self.checked)

    def sources(self, *, recalled: bool = False) -> dict[str, dict[str, Summary]]:
        """The same by source, and there for time and memory; of the rows that count, or of those that do not."""
        errors: dict[str, list[tuple[str, float]]] = {}
        for checked in self.checked:
            if checked.recalled == recalled and checked.row.source and checked.group is not None:
                errors.setdefault(checked.row.source, []).append((checked.group, checked.error))
        return {source: grouped(of) for source, of in errors.items()}

    def score(self) -> Mapping[str, float | None]:
        """The mean of the sources' mean absolute errors; None where no source measured it."""
        sources = self.sources().values()
        return {group: mean_of_means(of[group] for of in sources if group in of) for group in GROUPS}
