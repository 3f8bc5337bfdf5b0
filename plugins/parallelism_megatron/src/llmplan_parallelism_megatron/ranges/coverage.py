"""How many published figures lie inside the range that the others give them.

What is left out is left out of the range and of the price: rows of a source are priced with constants that were fitted
to the others, those of an architecture with the kernels of the one before, those of an accelerator by its datasheet.
Where nothing else is left of a row's program, as of one that ran on that architecture alone, the row is priced as one
of a program that nobody knows, since that is the range it gets.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import log
from operator import attrgetter
from statistics import fmean

from attrs import frozen

from llmplan_parallelism_megatron.ranges.fit import Ratio, fitted
from llmplan_parallelism_megatron.ranges.kind import DATASHEET, ESSENTIAL, OTHER, Kind
from llmplan_parallelism_megatron.ranges.residuals import Residual
from llmplan_parallelism_megatron.ranges.table import Ranges

LEFT_OUT = ("source", "program", "architecture", "accelerator")


@frozen(repr=False)
class Covered:
    """A left-out figure and its range."""

    source: str
    ratio: float
    low: float
    high: float

    @property
    def inside(self) -> bool:
        """Whether the range holds the figure."""
        return self.low <= self.ratio <= self.high


def left_out(residuals: Sequence[Residual], what: str) -> list[Covered]:
    """Every row with its source, program, architecture or accelerator left out."""
    found: list[Covered] = []
    for name in sorted({getattr(one, what) for one in residuals}):
        if what == "program" and name == OTHER:
            continue
        others = [one for one in residuals if getattr(one, what) != name]
        if others:
            ranges = fitted(others)
            found += _covered(ranges, (one for one in residuals if getattr(one, what) == name), what)
    return found


def _covered(ranges: Ranges, rows: Iterable[Residual], what: str) -> Iterable[Covered]:
    as_known, as_other = _PRICED[what]
    for one in rows:
        kind = kind_of_row(one)
        if what == "accelerator":
            if DATASHEET in one.traits:
                continue
            kind = kind._replace(traits={**kind.traits, DATASHEET: True})
        known = one.program == OTHER or ranges.knows(kind)
        ratio = (as_known if known else as_other)(one)
        if ratio is not None:
            spread = ranges.spread(kind)
            yield Covered(one.source, ratio, spread.low, spread.high)


_PRICED: Mapping[str, tuple[Ratio, Ratio]] = {
    "source": (attrgetter("unseen"), attrgetter("other_program")),
    "program": (attrgetter("unseen"), attrgetter("other_program")),
    "architecture": (attrgetter("other_curves"), attrgetter("other_curves_and_program")),
    "accelerator": (attrgetter("datasheet"), attrgetter("datasheet_and_other_program")),
}
"""The ratio of a row whose program is still known without what is left out, and of one whose program is not."""


def kind_of_row(one: Residual) -> Kind:
    """The kind of plan that a published row belongs to."""
    return Kind(
        program=one.program,
        architecture=one.architecture,
        traits=dict.fromkeys(one.traits, True),
        scale=one.scale,
        essential=one.traits & ESSENTIAL,
        sharded=one.sharded,
    )


def share_inside(covered: Sequence[Covered]) -> float:
    """The share of all rows that lie inside their ranges."""
    return fmean(one.inside for one in covered)


def share_by_source(covered: Sequence[Covered]) -> Mapping[str, float]:
    """The same share for the rows of each source."""
    return {
        source: fmean(one.inside for one in covered if one.source == source)
        for source in sorted({one.source for one in covered})
    }


def widest(covered: Sequence[Covered]) -> float:
    """The mean width of the ranges, as a factor from the low end to the high one."""
    return fmean(log(one.high / one.low) for one in covered)
