"""The longest sequence that a run has room for, tried out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from attrs import evolve

from llmplan.errors import BadInputError
from llmplan.records.plan import CONFIDENCE
from llmplan.space.choice import choose

if TYPE_CHECKING:
    from llmplan.estimate import TrainingEstimate
    from llmplan.request import TrainRequest

_STEP = 1024
"""Tokens to which a sequence is found: what tensor and context parallel ranks divide evenly."""
_MOST = 1 << 24
"""Where the model names no longest."""


def with_longest(
    request: TrainRequest, price: Callable[[TrainRequest], TrainingEstimate]
) -> tuple[TrainRequest, str | None]:
    """The request with the longest sequence that fits, to a thousand tokens, in words too; with the shortest where
    none does.
    """
    if request.seq_len is not None:
        raise BadInputError(f"max-context: contradicts seq-len {request.seq_len}; give one of them")
    limit = choose(evolve(request, max_context=None), "train").model.max_seq_len
    most = max((limit or _MOST) // _STEP, 1)
    step = min(_STEP, limit or _STEP)

    def of(steps: int) -> TrainRequest:
        return evolve(request, max_context=None, seq_len=steps * step)

    def fits(steps: int) -> bool:
        try:
            estimate = price(of(steps))
        except BadInputError:
            if steps == 1:
                raise
            return False
        return bool(estimate.feasible)

    longest, beyond = _bisected(fits, most)
    if not longest:
        return of(1), None
    sure = f"with {request.confidence or CONFIDENCE:.0%} confidence"
    end = f"that {'the model takes' if limit else 'is tried'}" if beyond > most else f"that fits {sure}"
    return of(longest), f"seq-len {longest * step:,}: the longest {end}"


def _bisected(fits: Callable[[int], bool], most: int) -> tuple[int, int]:
    """The most steps that fit, by doubling and then between, and the fewest that do not."""
    low, high = 0, 1
    while high <= most and fits(high):
        low, high = high, min(2 * high, most) if high < most else most + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low, high
