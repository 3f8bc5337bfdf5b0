"""What `train` and `infer` give back: an estimate with what was asked."""

from __future__ import annotations

import math
from typing import Any

from attrs import evolve, has

from llmplan.errors import BadInputError
from llmplan.estimate.training import TrainingEstimate

_PEAK = 1.0 + 1e-9
"""Of the hardware, but for rounding."""


def answering(request: Any, estimate: Any) -> Any:
    """The estimate with what was asked; what a cost model returned in its place as it is.

    BadInputError where a stated MFU would need more than the peak for what the plan recomputes.
    """
    if not has(type(estimate)) or not hasattr(estimate, "request"):
        return estimate
    if isinstance(estimate, TrainingEstimate) and estimate.plan.efficiency.mfu is not None and estimate.hfu > _PEAK:
        most = math.floor(100.0 * estimate.mfu / estimate.hfu) / 100.0
        raise BadInputError(
            f"mfu: {estimate.mfu:g} is an HFU of {estimate.hfu:.1%} with what is recomputed here, and no hardware does "
            f"more than its peak; give at most {most:g}, or less recompute"
        )
    return evolve(estimate, request=request)
