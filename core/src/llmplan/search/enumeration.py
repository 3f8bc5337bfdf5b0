"""Legal plans, in chunks: each step adds dimensions to the plans so far and drops what does not go together.

Depth first, so that no more than a chunk of each step is held.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from attrs import frozen

from llmplan.search.arrays import Columns, crossed, kept, length, pieces

Masks = Mapping[str, Any]
"""By constraint, in words: where plans break it."""


def _as_they_are(columns: Columns) -> Columns:
    return columns


def _none(_columns: Columns) -> Masks:
    return {}


@frozen(eq=False)
class Step:
    """One or more dimensions."""

    table: Columns
    """Their values, in every combination."""
    outside: Callable[[Columns], Sequence[Any]] = lambda _: ()
    """Where plans are not of the space at all: a value that says the same as another one, or that nobody tries."""
    derive: Callable[[Columns], Columns] = _as_they_are
    """Adds what follows from the columns so far."""
    broken: Callable[[Columns], Masks] = _none
    """Where plans are not legal."""


def expanded(rows: Columns, steps: Sequence[Step], size: int, illegal: Counter[str]) -> Iterator[Columns]:
    """Every legal plan that begins with one of the rows, in order; what is not legal is counted by constraint."""
    if not length(rows):
        return
    if not steps:
        yield rows
        return
    step, *rest = steps
    for piece in pieces(rows, max(1, size // max(1, length(step.table)))):
        grown = crossed(piece, step.table)
        grown = _without(grown, step.outside(grown))
        grown = step.derive(grown)
        yield from expanded(_legal(grown, step.broken(grown), illegal), rest, size, illegal)


def _without(columns: Columns, masks: Sequence[Any]) -> Columns:
    return kept(columns, ~np.logical_or.reduce(masks)) if masks else columns


def _legal(columns: Columns, broken: Masks, illegal: Counter[str]) -> Columns:
    """Each plan that is not legal counts once, for the first constraint that it breaks."""
    plans = length(columns)
    bad = np.zeros(plans, dtype=bool)
    for words, mask in broken.items():
        fresh = np.logical_and(mask, ~bad)
        many = int(np.count_nonzero(fresh))
        if many:
            illegal[words] += many
            bad |= fresh
    return kept(columns, ~bad)
