"""Comparisons: the same question for several plans, one beside the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import frozen

from llmplan.estimate.shown import Shown

if TYPE_CHECKING:
    from llmplan.estimate.server import Estimate


@frozen(kw_only=True, eq=False, repr=False)
class Variant:
    """One plan of a comparison: priced, or refused with the reason."""

    varied: Mapping[str, Any]
    """Options that differ between the plans, with what they are here: numbers, or names as they were given."""
    estimate: Estimate | None
    refused: str | None = None

    @property
    def label(self) -> str:
        """What sets this plan apart: ``batch 8, dtype w8a8e16``."""
        return ", ".join(f"{name.replace('_', '-')} {_word(value)}" for name, value in self.varied.items())

    @property
    def feasible(self) -> bool:
        """Whether it is priced, and can be counted on."""
        return self.estimate is not None and self.estimate.feasible


@frozen(kw_only=True, eq=False, repr=False)
class Comparison(Shown):
    """Plans that differ in a few options, in the order in which these were given."""

    command: str
    """``train`` or ``infer``."""
    varied: Mapping[str, tuple[Any, ...]]
    """The values of each option that differs."""
    variants: tuple[Variant, ...]

    @property
    def priced(self) -> tuple[Variant, ...]:
        """The plans that have an estimate, whether they fit or not; one at least."""
        return tuple(variant for variant in self.variants if variant.estimate is not None)

    @property
    def feasible(self) -> bool:
        """Whether one can count on a plan at least."""
        return any(variant.feasible for variant in self.variants)


def _word(value: Any) -> str:
    """As people type it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def best_of(variants: Sequence[Variant]) -> Variant | None:
    """The plan with the least price of what it makes, where prices are known, else with the most of it by one GPU: of
    what one can count on, as plans are ranked everywhere.
    """
    from llmplan.estimate.figures import kind_of_estimate, objectives, throughput

    if not variants:
        return None
    kind = kind_of_estimate(variants[0].estimate)
    costs = [objectives(kind)["cost"].counted_on(variant.estimate) for variant in variants]
    if None not in costs:
        return min(zip(costs, variants, strict=True), key=lambda one: one[0])[1]
    speed = throughput(kind)
    return max(variants, key=lambda variant: speed.counted_on(variant.estimate) or 0.0)
