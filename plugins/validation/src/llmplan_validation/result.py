"""A set of published figures beside what llmplan says."""

from __future__ import annotations

from statistics import fmean
from typing import Any

from attrs import frozen

from llmplan.records import ValidationRow
from llmplan_validation.score import by_source, score, summary


@frozen
class Checked:
    """A row and what llmplan says."""

    row: ValidationRow
    predicted: float
    range: tuple[float, float] | None = None
    """That is to hold 80 % of published figures of this kind, in the metric's unit."""

    @property
    def inside(self) -> bool:
        """Whether the published figure lies in the range."""
        return self.range is not None and self.range[0] <= self.row.measured <= self.range[1]

    @property
    def error(self) -> float:
        """How far off the prediction is: (predicted - measured) / measured."""
        return (self.predicted - self.row.measured) / self.row.measured

    @property
    def agrees(self) -> bool:
        """Whether the prediction agrees to every printed digit."""
        return self.row.shown(self.predicted) == self.row.measured

    def document(self, *, exact: bool) -> dict[str, Any]:
        """Its part of the JSON contract."""
        row = self.row
        said = {
            "id": row.id,
            "metric": row.metric,
            "measured": row.measured,
            "predicted": self.predicted,
            "error": self.error,
            **dict(zip(("low", "high"), self.range or (None, None), strict=True)),
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

    @property
    def inside(self) -> float | None:
        """The share of figures that lie in their ranges; None where none has one."""
        found = [checked.inside for checked in self.checked if checked.range is not None and checked.row.counts]
        return fmean(found) if found else None

    def document(self) -> dict[str, Any]:
        """The JSON contract of ``llmplan validate``."""
        return {
            "schema": "llmplan.validate/2",
            "set": self.name,
            "passed": self.passed,
            "rows": [checked.document(exact=self.exact) for checked in self.checked],
            "skipped": [{"id": row_id, "reason": reason} for row_id, reason in self.skipped],
            "summary": summary(self.checked),
            "sources": by_source(checked for checked in self.checked if checked.row.counts),
            "recalled": by_source(checked for checked in self.checked if not checked.row.counts),
            "score": score(self.checked),
            "inside": self.inside,
        }
