"""The range that measured runs earn.

Published runs of a kind scatter with a variance v, of which a part `shared` is common to all runs of one place. Of that
part, what the factors leave uncertain stays; the rest is as wide as the own runs scatter around the factors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attrs import evolve, frozen

from llmplan.arrays.quantities import Number, log, maximum, minimum, sqrt, total, where
from llmplan.estimate import Kind, Spread
from llmplan.estimate.line import of_kinds
from llmplan.records import TrainingPlan
from llmplan_calibration.site import NORMAL, Fitted, quadratic

_LEAST = 1e-12
_Spreads = tuple[Spread, Spread]


@frozen(eq=False, repr=False)
class Narrowed:
    """The spreads of a cost model, with what the site knows of them."""

    spreads: Callable[[Any], _Spreads]
    fitted: Fitted
    breakdowns: tuple[Mapping[str, Number], ...]
    """Seconds by line of the figures that follow from times: of an iteration, or of prefill and decoding."""

    def __call__(self, plan: Any) -> _Spreads:
        """Of times narrowed; of memory as it is."""
        first, second = self.spreads(plan)
        of = [
            _narrowed(spread, self.fitted, shares_of(breakdown, plan))
            for spread, breakdown in zip((first, second), self.breakdowns, strict=False)
        ]
        return (of[0], of[1]) if len(of) > 1 else (of[0], second)


def shares_of(breakdown: Mapping[str, Number], plan: Any) -> tuple[Number, ...]:
    """Of the time, by what it depends on: lines of communication are those of the link that holds the plan up, which of
    a server is that of one replica.
    """
    compute, memory = of_kinds(breakdown, (Kind.COMPUTE,)), of_kinds(breakdown, (Kind.MEMORY,))
    moved, waited = of_kinds(breakdown, (Kind.COMMUNICATION,)), of_kinds(breakdown, (Kind.WAITING,))
    whole = maximum(total(breakdown.values()), _LEAST)
    layout = plan.layout
    ranks = layout.gpus if isinstance(plan, TrainingPlan) else maximum(layout.tp * layout.pp, layout.ep)
    beyond = ranks > plan.hardware.scale_up_domain
    return (
        compute / whole,
        memory / whole,
        where(beyond, 0.0, moved) / whole,
        where(beyond, moved, 0.0) / whole,
        waited / whole,
    )


def _narrowed(spread: Spread, fitted: Fitted, shares: tuple[Number, ...]) -> Spread:
    known = quadratic(fitted.prior_variances, shares)
    left = minimum(quadratic(fitted.covariance, shares) / maximum(known, _LEAST), 1.0)
    left = where(known > _LEAST, left, 1.0)
    as_known = known / maximum(fitted.shared, _LEAST)
    stays = (1.0 - fitted.shared) * fitted.scatter + fitted.shared * left
    return evolve(spread, low=1.0 / _half(1.0 / spread.low, as_known, stays), high=_half(spread.high, as_known, stays))


_WIDEST = 20.0
"""Times as wide, of a logarithm: beyond, a range says nothing, and its end is no number any more."""


def _half(side: Number, as_known: Number, stays: Number) -> Number:
    """One end of the range, over the prediction: of what is known of runs like the measured ones, and of the rest."""
    variance = (_log(maximum(side, 1.0)) / NORMAL) ** 2
    alike = minimum(variance, as_known)
    left = maximum(variance - alike + alike * stays, 0.0)
    narrowed: Number = maximum(side, 1.0) ** minimum(sqrt(left / maximum(variance, _LEAST)), _WIDEST)
    return narrowed


def _log(value: Any) -> Any:
    """Of an array, of each of its few different values once: they are ranges of kinds of plans."""
    if getattr(value, "ndim", 0) == 0:
        return log(value)
    import numpy as np

    different, where_each = np.unique(value, return_inverse=True)
    return np.asarray(log(different))[where_each]


def narrowest(spreads: _Spreads, fitted: Fitted) -> _Spreads:
    """What no plan's range of the time is narrower than, whatever its time depends on."""
    least = sqrt(min((1.0 - fitted.shared) * fitted.scatter, 1.0))
    time, memory = spreads
    return evolve(time, low=minimum(time.low, 1.0) ** least, high=maximum(time.high, 1.0) ** least), memory
