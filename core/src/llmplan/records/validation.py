"""Published figures to hold llmplan against."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from attrs import field, frozen

from llmplan.records.checks import lookup_name

if TYPE_CHECKING:
    from llmplan.estimate import Spread


@frozen(kw_only=True, eq=False, repr=False)
class ValidationRow:
    """One published figure, and the plan that it belongs to."""

    id: str
    table: str
    """The table that it stands in, as a heading."""
    metric: str
    command: str
    """``train`` or ``infer``."""
    options: Mapping[str, Any]
    """The options of the command, as a plan file would hold them."""
    measured: float
    predict: Callable[[Any], float]
    """The figure of the estimate that the published one is compared with, in the published unit."""
    shown: Callable[[float], float]
    """Brings the prediction to the published number of digits (rounded, or truncated, as the source did)."""
    spread: Callable[[Any], Spread | None] | None = None
    """The range that an estimate gives to the figure; None where nothing says it."""
    note: str = ""
    source: str = ""
    """Who measured it; errors are averaged by source first, so that many rows of one do not count more."""
    provenance: str = ""
    """How well the figure is known: ``file`` or ``page`` where it was read, ``memory`` where it is recalled."""

    grade: str = ""
    """How closely the plan is known: ``A`` or nothing where all of it is, ``B`` where a small part is inferred or the
    load is not that of a fixed batch, ``C`` where the figure is a sanity bound alone.
    """

    @property
    def counts(self) -> bool:
        """Whether it goes into the score: neither what is recalled and was not looked up, nor a sanity bound."""
        return self.provenance != "memory" and self.grade in ("", "A", "B")


@frozen(kw_only=True, eq=False, repr=False)
class ValidationSet:
    """A set of published figures, run by ``llmplan validate NAME``."""

    name: str = field(validator=lookup_name)
    description: str
    rows: Callable[[], Iterable[ValidationRow]] | None = None
    table: Path | None = None
    """A CSV file of measurements instead of rows, with the columns that ``--rows FILE.csv`` takes."""
    read: Callable[[Path], Iterable[tuple[str, Callable[[], ValidationRow]]]] | None = None
    """Reads a file of `--rows` that has a form of its own: the id of each row, and what makes it."""
    command: Literal["train", "infer"] = "train"
    """What prices the rows of the table."""
    exact: bool = False
    """Whether every row must agree to every printed digit; then a miss is exit code 1."""
    source: str = ""
