"""Plans of training that fit by the estimate, and that one cannot count on all the same: why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmplan.estimate import TrainingEstimate

if TYPE_CHECKING:
    from llmplan.estimate import Estimate


def doubted(estimate: Estimate) -> str:
    """Behind the memory that a plan takes; nothing where one can count on it, and where it does not even fit."""
    if not isinstance(estimate, TrainingEstimate) or estimate.feasible or not estimate.fits:
        return ""
    if estimate.memory_bytes_at_confidence > estimate.memory_capacity_bytes:
        return f"not with {estimate.plan.confidence:.0%} confidence"
    return f"less than {100.0 * estimate.plan.memory_headroom:.3g}% of it free"
