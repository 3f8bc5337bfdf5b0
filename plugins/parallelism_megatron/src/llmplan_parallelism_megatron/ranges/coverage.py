"""How many published figures lie inside the range that the others give them.

What is left out is left out of the range and of the price: rows of a source are priced with constants that were fitted
to the others; those of a source that is the only one of its program, and of a program left out, with the default
program's profile; those of an architecture left out with the kernels of the one before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import log
from statistics import fmean

from attrs import frozen

from llmplan_parallelism_megatron.ranges.fit import as_other_program, fitted
from llmplan_parallelism_megatron.ranges.kind import ESSENTIAL, OTHER, Kind
from llmplan_parallelism_megatron.ranges.residuals import Residual
from llmplan_parallelism_megatron.ranges.table import Ranges

LEFT_OUT = ("source", "program", "architecture")


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
    """Every row with its source, program or architecture left out."""
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
    for one in rows:
        known = (one.program, "") in ranges.kinds
        ratio = one.other_curves if what == "architecture" else one.unseen if known else as_other_program(one)
        if ratio is not None:
            spread = ranges.spread(kind_of_row(one))
            yield Covered(one.source, ratio, spread.low, spread.high)


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
