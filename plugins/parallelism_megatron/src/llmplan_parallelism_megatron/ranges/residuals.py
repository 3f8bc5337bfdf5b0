"""Measured over predicted figures of published runs: as priced, and as they would be without what is known of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from attrs import asdict, fields, frozen

from llmplan_parallelism_megatron.ranges.csv_files import in_csv, rows_of


@frozen(kw_only=True, repr=False)
class Residual:
    """One published figure. Ratios are of seconds or bytes, measured over predicted."""

    row: str
    source: str
    figure: str
    program: str
    architecture: str
    accelerator: str
    scale: float
    """Accelerators of the run, or of one replica of a server."""
    sharded: bool
    traits: frozenset[str]
    ratio: float
    refitted: float | None
    """Priced with constants that were fitted without the source; None where it is the only one that speaks of them."""
    other_program: float | None
    """Priced with the default program's profile, as a program of which nothing is known would be."""
    other_curves: float | None
    """Priced with the kernels of the architecture before, as one of which no run is published would be."""
    datasheet: float | None
    """Priced with the datasheet alone, as an accelerator would be that nobody has timed."""
    other_curves_and_program: float | None
    """Priced with both, as neither would be known where its program ran on no other architecture."""
    datasheet_and_other_program: float | None
    """The same of a datasheet."""

    @property
    def unseen(self) -> float:
        """What the ratio is likely to be of a source that no constant was fitted to."""
        return self.ratio if self.refitted is None else self.refitted


def read_residuals(path: Path) -> list[Residual]:
    """Read the residuals that a file holds."""
    return residuals_of(path.read_text(encoding="utf-8"))


def residuals_of(text: str) -> list[Residual]:
    """Read the residuals of a text that `text_of` has made."""
    return [
        Residual(
            row=cells["row"],
            source=cells["source"],
            figure=cells["figure"],
            program=cells["program"],
            architecture=cells["architecture"],
            accelerator=cells["accelerator"],
            scale=float(cells["scale"]),
            sharded=cells["sharded"] == "1",
            traits=frozenset(cells["traits"].split()),
            ratio=float(cells["ratio"]),
            refitted=_or_none(cells["refitted"]),
            other_program=_or_none(cells["other_program"]),
            other_curves=_or_none(cells["other_curves"]),
            datasheet=_or_none(cells["datasheet"]),
            other_curves_and_program=_or_none(cells["other_curves_and_program"]),
            datasheet_and_other_program=_or_none(cells["datasheet_and_other_program"]),
        )
        for cells in rows_of(text)
    ]


def text_of(residuals: Iterable[Residual]) -> str:
    """Write residuals as the text of a CSV file."""
    columns = [field.name for field in fields(Residual)]
    return in_csv(columns, ({name: _cell(value) for name, value in asdict(one).items()} for one in residuals))


def _or_none(cell: str) -> float | None:
    return float(cell) if cell else None


def _cell(value: str | float | bool | frozenset[str] | None) -> str:
    """Ratios to four digits, which is more than they are worth."""
    if value is None:
        return ""
    if isinstance(value, frozenset):
        return " ".join(sorted(value))
    if isinstance(value, bool):
        return "1" if value else "0"
    return value if isinstance(value, str) else f"{value:.4g}"
