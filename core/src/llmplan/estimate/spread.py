"""How far a figure may be off, by published measurements of the same kind."""

from __future__ import annotations

from attrs import evolve, frozen

from llmplan.arrays.quantities import Number, Truth, maximum, minimum
from llmplan.records.plan import CONFIDENCE

LEVEL = 0.8
"""Of published figures of a kind that lie inside its range: one in ten lies below, one in ten above."""

EVEN = 0.5
"""As likely above as below: the point estimate."""


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

    def upper(self, confidence: float) -> Number:
        """What the figure stays below with this confidence, over the predicted one.

        Errors of a factor are taken as log-normal, their median at the prediction: 1 at 0.5 and `high` at 0.9.
        """
        if confidence == CONFIDENCE:
            return self.high
        beyond: Number = self.high ** _normal_quantiles_of(confidence)
        return beyond

    def not_below(self, least: Number) -> Spread:
        """With no end below what is possible at all, over the predicted figure."""
        return evolve(self, low=maximum(self.low, minimum(least, 1.0)))

    def inverted(self) -> Spread:
        """Of figures that fall as these rise: tokens a second."""
        return evolve(self, low=1.0 / self.high, high=1.0 / self.low)


def _normal_quantiles_of(confidence: float) -> float:
    """Of the normal distribution, in units of the one that `Spread.high` is."""
    if confidence == EVEN:
        return 0.0
    from statistics import NormalDist

    normal = NormalDist()
    return normal.inv_cdf(confidence) / normal.inv_cdf(CONFIDENCE)
