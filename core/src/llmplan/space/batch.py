"""Batch arithmetic: global batch = micro-batch x gradient accumulation x dp, of one plan and of arrays of plans."""

from __future__ import annotations

from enum import IntEnum
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from llmplan.arrays.quantities import floor, maximum, minimum, where
from llmplan.errors import BadInputError

if TYPE_CHECKING:
    from llmplan.arrays.quantities import Number, Truth
    from llmplan.request import TrainRequest
    from llmplan.space.dimension import Row

DEFAULT_BATCH_TOKENS = 2.0**22
"""Tokens of an iteration: the 4M of LLaMA at every size (arXiv:2302.13971, table 2), 2,048 sequences of 2,048."""
ABOUT = 0.05
"""How far a batch that is given in tokens, or not at all, may be from what micro-batches make of it, where any come as
near; else the nearest that there is.
"""
_NOTEWORTHY_BATCH = 2
"""Times the common batch above which one that nobody asked for is worth a warning."""


class Reach(IntEnum):
    """How far plans may be from the batch that is wanted: each is looked at where those before it have none."""

    CLOSE = 0
    """Within `ABOUT`, of micro-batches that are tried anyway."""
    ODD = 1
    """Within `ABOUT`, of the micro-batch that makes the batch with the accumulation given, whatever its size."""
    NEAREST = 2
    """Beyond: as near as any plan comes to a batch that was asked for, anything instead of the common one."""


class Wanted(NamedTuple):
    """The sequences of one iteration that were asked for."""

    sequences: float
    exact: bool
    """Given in sequences; else in tokens, or the common batch."""
    asked: bool = True
    """Else it is the common one."""
    made: bool = False
    """Whether micro-batch and accumulation are given, which make what they make."""
    reach: Reach = Reach.CLOSE
    within: float = inf
    """Of those beyond `ABOUT`: sequences by which the nearest miss it."""

    @property
    def words(self) -> str:
        """The constraint in the words of an error."""
        near = "" if self.exact else f" within {ABOUT:.0%} of {self.sequences:,.4g} sequences"
        return f"micro-batch x gradient-accumulation x dp makes the batch{near}"

    @property
    def most_sequences(self) -> float:
        """Of a batch that is still the one asked for."""
        return (1.0 + (1.0 if self.reach is Reach.NEAREST else ABOUT)) * self.sequences

    def accumulation(self, row: Row) -> Number:
        """Micro-batches of a pipeline that come nearest; interleaved stages take them in rounds of pp."""
        step = row["dp"] * row["micro_batch"]
        if self.exact:
            return maximum(floor(self.sequences / step), 1.0)
        rounds = where(row["vpp"] > 1, row["pp"], 1.0)
        return rounds * maximum(floor(self.sequences / (step * rounds) + 0.5), 1.0)

    def micro_batch(self, row: Row) -> Number:
        """The size that comes nearest with an accumulation that is given."""
        return maximum(floor(self.sequences / (row["dp"] * row["gradient_accumulation"]) + 0.5), 1.0)

    def off_by(self, row: Row) -> Number:
        """Sequences by which a plan misses it."""
        made: Number = row["dp"] * row["micro_batch"] * row["gradient_accumulation"]
        return abs(made - self.sequences)

    def missed(self, row: Row) -> Truth:
        """Where the batch is another one."""
        off_by = self.off_by(row)
        if self.exact:
            return off_by > 0
        if self.reach is not Reach.NEAREST:
            return off_by > ABOUT * self.sequences
        most = minimum(self.within, 0.5 * row["dp"] * row["micro_batch"] * row["gradient_accumulation"])
        return (off_by <= ABOUT * self.sequences) | (off_by > (most if self.asked else inf))


def wanted_batch(request: TrainRequest, seq_len: int, reach: Reach, *, made: bool) -> Wanted:
    """As given, else the common 4M tokens."""
    _refuse_two_batches(request)
    if request.global_batch is not None:
        return Wanted(float(request.global_batch), exact=True)
    tokens = request.global_batch_tokens
    sequences = (DEFAULT_BATCH_TOKENS if tokens is None else tokens) / seq_len
    return Wanted(sequences, exact=False, asked=tokens is not None, made=made, reach=reach)


class Batch(NamedTuple):
    """Sequences of one iteration, as the pipelines take them in."""

    micro_batch: int
    gradient_accumulation: int


def choose_batch(request: TrainRequest, seq_len: int, dp: int, rounds: int = 1) -> Batch:
    """Complete what was given, micro-batches of 1 where nothing tells; BadInputError where it does not go together.

    `rounds` is pp where stages are interleaved, which take micro-batches in rounds of so many.
    """
    _refuse_two_batches(request)
    micro, accumulation = request.micro_batch, request.gradient_accumulation
    if request.global_batch is not None:
        return _from_global(request.global_batch, micro, accumulation, dp)
    if request.global_batch_tokens is not None:
        return _from_tokens(request.global_batch_tokens, micro, accumulation, seq_len, dp, rounds)
    if accumulation is not None:
        return Batch(micro or 1, accumulation)
    wanted = Wanted(DEFAULT_BATCH_TOKENS / seq_len, exact=False)
    row = {"dp": dp, "micro_batch": micro or 1, "pp": rounds, "vpp": rounds}
    return Batch(micro or 1, int(wanted.accumulation(row)))


def said_of_batch(request: TrainRequest, wanted: Wanted, sequences: int, seq_len: int) -> tuple[str, ...]:
    """What became of a batch that was given in tokens, or not at all."""
    tokens, asked = sequences * seq_len, request.global_batch_tokens
    made = f"global batch {sequences:,} sequences = {tokens:,} tokens"
    if asked is not None:
        return () if tokens == asked else (f"{made} (asked: {asked:,.0f})",)
    if wanted.exact or wanted.made:
        return ()
    return (f"{made}, near the common 4M" if _is_close(tokens, DEFAULT_BATCH_TOKENS) else made,)


def warned_of_batch(request: TrainRequest, wanted: Wanted, sequences: int, seq_len: int, dp: int) -> tuple[str, ...]:
    """Of one that is not what was asked for, or far above the common one where nobody asked."""
    tokens, asked = sequences * seq_len, request.global_batch_tokens
    if asked is not None and not _is_close(tokens, asked):
        off = f"{tokens / asked - 1:+.0%} against the {asked:,.0f} asked for"
        return (f"global-batch-tokens: {tokens:,} is as near as a plan with the other options comes, {off}",)
    if asked is not None or wanted.exact or wanted.made or tokens <= _NOTEWORTHY_BATCH * DEFAULT_BATCH_TOKENS:
        return ()
    share = sequences // dp
    warning = (
        f"{'a sequence' if share == 1 else f'{share:,} sequences'} on each of {dp:,} replicas: a global batch of "
        f"{tokens / 1e6:,.3g}M tokens, {tokens / DEFAULT_BATCH_TOKENS:.2g} times the common 4M: "
        "fewer replicas, or more model parallelism?"
    )
    return (warning,)


def _is_close(tokens: float, wanted: float) -> bool:
    return abs(tokens - wanted) <= ABOUT * wanted


def _refuse_two_batches(request: TrainRequest) -> None:
    if request.global_batch is not None and request.global_batch_tokens is not None:
        tokens = f"global-batch-tokens {request.global_batch_tokens:,.0f}"
        raise BadInputError(f"global-batch: {request.global_batch} contradicts {tokens}; give one of them")


def _from_tokens(
    asked: float, micro: int | None, accumulation: int | None, seq_len: int, dp: int, rounds: int
) -> Batch:
    """The nearest batch that micro-batch, accumulation and replicas can make, at most half a step away."""
    if micro is None and accumulation is None:
        micro = 1
    known = dp * (micro or 1) * (accumulation or rounds)
    times = 1 if micro is not None and accumulation is not None else max(1, int(asked / seq_len / known + 0.5))
    tokens = times * known * seq_len
    if abs(tokens - asked) > known * seq_len / 2:
        raise BadInputError(
            f"global-batch-tokens: {asked:,.10g} contradicts {_terms(micro, accumulation, dp)} x seq-len {seq_len} "
            f"= {tokens:,}"
        )
    return Batch(micro or times, accumulation or times * rounds)


def _terms(micro: int | None, accumulation: int | None, dp: int) -> str:
    sizes = (("dp", dp), ("micro-batch", micro), ("gradient-accumulation", accumulation))
    return " x ".join(f"{name} {size}" for name, size in sizes if size is not None)


def _from_global(total: int, micro: int | None, accumulation: int | None, dp: int) -> Batch:
    if micro is None and accumulation is None:
        micro = 1
    known = dp * (micro or 1) * (accumulation or 1)
    terms = _terms(micro, accumulation, dp)
    if micro is not None and accumulation is not None and known != total:
        raise BadInputError(f"global-batch: {total} contradicts {terms} = {known}")
    if total % known:
        below, above = total // known * known, (total // known + 1) * known
        near = f"{below} or {above}" if below else f"{above}"
        raise BadInputError(f"global-batch: {total} is not divisible by {terms} = {known}; {near} would be")
    return Batch(micro or total // known, accumulation or total // known)
