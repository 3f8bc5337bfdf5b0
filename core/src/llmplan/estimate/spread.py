"""How far a figure may be off, by published measurements of the same kind."""

from __future__ import annotations

from attrs import evolve, frozen

LEVEL = 0.8
"""Of the rows of a validation set that lie inside their range, each with itself left out."""


@frozen(kw_only=True)
class Spread:
    """What measured figures were of the predicted ones, over the rows nearest in kind."""

    low: float
    """Measured over predicted, so that one row in ten lies below."""
    high: float
    """One row in ten lies above."""
    rows: int
    """Rows behind it."""
    extrapolated: bool
    """Whether none of them is of this kind of accelerator."""

    def inverted(self) -> Spread:
        """Of figures that fall as these rise: tokens a second."""
        return evolve(self, low=1.0 / self.high, high=1.0 / self.low)
