"""How far a figure may be off, by published measurements of the same kind."""

from __future__ import annotations

from attrs import evolve, frozen

from llmplan.arrays.quantities import Number, Truth

LEVEL = 0.8
"""Of published figures of a kind that lie inside its range: one in ten lies below, one in ten above."""


@frozen(kw_only=True, eq=False, repr=False)
class Spread:
    """What measured figures were of the predicted ones: of one plan, or of each plan of an array."""

    low: Number
    """Measured over predicted, so that one row in ten lies below."""
    high: Number
    """One row in ten lies above."""
    rows: Number
    """Published figures of this kind; 0 where there is none and the range is that of leaps to such kinds."""
    extrapolated: Truth
    """Whether no published run, or hardly one, is of this kind: the range is widened."""

    def inverted(self) -> Spread:
        """Of figures that fall as these rise: tokens a second."""
        return evolve(self, low=1.0 / self.high, high=1.0 / self.low)
