"""The batch of a search: micro-batch x gradient accumulation x dp, as asked, for arrays of layouts."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import frozen

from llmplan.request import TrainRequest
from llmplan.search.arrays import Columns
from llmplan.space.batch import DEFAULT_BATCH_TOKENS, choose_batch

ABOUT = 0.05
"""How far a batch that is given in tokens, or not at all, may be from what micro-batches make of it."""


@frozen(eq=False)
class Batch:
    """What was asked."""

    sequences: float | None
    """Of one iteration; None where micro-batch and accumulation are given instead."""
    exact: bool
    tolerance: float = ABOUT

    @property
    def words(self) -> str:
        """The constraint."""
        near = "" if self.exact else f" within {self.tolerance:.0%} of {self.sequences:,.4g} sequences"
        return f"micro-batch x gradient-accumulation x dp makes the batch{near}"

    @property
    def most_sequences(self) -> float:
        """Of a batch that is still the one asked for; of one that nothing is said about, as many as replicas."""
        return (self.sequences or 1.0) * (1.0 + min(self.tolerance, 1.0))

    def accumulation(self, columns: Columns) -> Any:
        """Micro-batches of a pipeline that come nearest; interleaved stages take them in rounds of pp."""
        step = columns["dp"] * columns["micro_batch"]
        assert self.sequences is not None  # noqa: S101 - the caller has asked
        if self.exact:
            return np.maximum(np.floor(self.sequences / step), 1.0)
        rounds = np.where(columns["vpp"] > 1, columns["pp"], 1.0)
        return rounds * np.maximum(np.round(self.sequences / (step * rounds)), 1.0)

    def missed(self, columns: Columns) -> Any:
        """Where the batch is another one."""
        if self.sequences is None:
            return np.zeros(len(columns["dp"]), dtype=bool)
        made = columns["dp"] * columns["micro_batch"] * columns["gradient_accumulation"]
        if self.exact:
            return made != self.sequences
        return np.abs(made - self.sequences) > self.tolerance * self.sequences


def batch_of(request: TrainRequest, seq_len: int, *, accumulation_is_given: bool, tolerance: float = ABOUT) -> Batch:
    """As given, else the common 4M tokens."""
    if request.global_batch is not None:
        choose_batch(request, seq_len, 1)  # refuses a batch in tokens beside it
        return Batch(float(request.global_batch), exact=True)
    if request.global_batch_tokens is not None:
        return Batch(request.global_batch_tokens / seq_len, exact=False, tolerance=tolerance)
    if accumulation_is_given:
        return Batch(None, exact=True)
    return Batch(DEFAULT_BATCH_TOKENS / seq_len, exact=False, tolerance=tolerance)
