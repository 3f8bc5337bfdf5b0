"""Holding llmplan against published figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attrs import frozen

from llmplan.errors import BadInputError
from llmplan.planner import infer, train
from llmplan.records import ValidationRow, ValidationSet

_COMMANDS: Mapping[str, Callable[..., Any]] = {"train": train, "infer": infer}


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
            "rows": [
                {
                    "id": checked.row.id,
                    "metric": checked.row.metric,
                    "measured": checked.row.measured,
                    "predicted": checked.predicted,
                    "error": checked.error,
                    "agrees": checked.agrees,
                }
                for checked in self.checked
            ],
            "skipped": [{"id": row_id, "reason": reason} for row_id, reason in self.skipped],
            "summary": self.summary(),
        }

    def summary(self) -> dict[str, dict[str, float]]:
        """By metric: rows, mean absolute, median and worst error."""
        errors: dict[str, list[float]] = {}
        for checked in self.checked:
            errors.setdefault(checked.row.metric, []).append(checked.error)
        return {metric: _summary(values) for metric, values in errors.items()}


def _summary(errors: list[float]) -> dict[str, float]:
    from statistics import median

    return {
        "rows": len(errors),
        "mean_absolute_error": sum(abs(error) for error in errors) / len(errors),
        "median_error": median(errors),
        "worst_error": max(errors, key=abs),
    }


def validate(published: ValidationSet) -> Validation:
    """Price every row of a set."""
    checked: list[Checked] = []
    skipped: list[tuple[str, str]] = []
    for row in published.rows():
        try:
            predicted = row.predict(_COMMANDS[row.command](**row.options))
        except BadInputError as error:
            skipped.append((row.id, str(error)))
        else:
            checked.append(Checked(row, predicted))
    return Validation(published.name, published.exact, tuple(checked), tuple(skipped))
