"""Batch arithmetic: global batch = micro-batch x gradient accumulation x dp, of one plan and of arrays of plans."""

from __future__ import annotations

from attrs import frozen

from llmplan.arrays.quantities import Number, Truth, floor, maximum, where
from llmplan.errors import BadInputError
from llmplan.request import TrainRequest
from llmplan.space.dimensions import Row

DEFAULT_BATCH_TOKENS = 2.0**22
"""Tokens of an iteration: the 4M of LLaMA at every size (arXiv:2302.13971, table 2), 2,048 sequences of 2,048."""
ABOUT = 0.05
"""How far a batch that is given in tokens, or not at all, may be from what micro-batches make of it, where any come as
near; else the nearest that there is.
"""
_NOTEWORTHY_BATCH = 2
"""Times the common batch above which one that nobody asked for is worth a warning."""


@frozen(eq=False, repr=False)
class Wanted:
    """The sequences of one iteration that were asked for."""

    sequences: float | None
    """None where micro-batch and accumulation are given instead."""
    exact: bool
    """Given in sequences; else in tokens, or the common batch."""
    asked_tokens: float | None = None
    """Where they were given in tokens."""
    nearest: bool = False
    """Whether any batch will do that is as near as a layout comes, since none is within `ABOUT`."""

    @property
    def words(self) -> str:
        """The constraint."""
        near = "" if self.exact else f" within {ABOUT:.0%} of {self.sequences:,.4g} sequences"
        return f"micro-batch x gradient-accumulation x dp makes the batch{near}"

    @property
    def most_sequences(self) -> float:
        """Of a batch that is still the one asked for; of one that nothing is said about, as many as replicas."""
        return (self.sequences or 1.0) * (2.0 if self.nearest else 1.0 + ABOUT)

    def accumulation(self, row: Row) -> Number:
        """Micro-batches of a pipeline that come nearest; interleaved stages take them in rounds of pp."""
        assert self.sequences is not None  # noqa: S101 - the caller has asked
        step = row["dp"] * row["micro_batch"]
        if self.exact:
            return maximum(floor(self.sequences / step), 1.0)
        rounds = where(row["vpp"] > 1, row["pp"], 1.0)
        return rounds * maximum(floor(self.sequences / (step * rounds) + 0.5), 1.0)

    def missed(self, row: Row) -> Truth:
        """Where the batch is another one."""
        if self.sequences is None:
            return row["dp"] < 0
        made = row["dp"] * row["micro_batch"] * row["gradient_accumulation"]
        if self.exact:
            return made != self.sequences
        if not self.nearest:
            return abs(made - self.sequences) > ABOUT * self.sequences
        if self.asked_tokens is None:
            return row["dp"] < 0
        rounds = where(row["vpp"] > 1, row["pp"], 1.0)
        return abs(made - self.sequences) > 0.5 * row["dp"] * row["micro_batch"] * rounds


def wanted_batch(request: TrainRequest, seq_len: int, *, accumulation_is_given: bool, nearest: bool) -> Wanted:
    """As given, else the common 4M tokens."""
    _refuse_two_batches(request)
    if request.global_batch is not None:
        return Wanted(float(request.global_batch), exact=True)
    tokens = request.global_batch_tokens
    if tokens is None and accumulation_is_given:
        return Wanted(None, exact=True)
    sequences = (DEFAULT_BATCH_TOKENS if tokens is None else tokens) / seq_len
    return Wanted(sequences, exact=False, asked_tokens=tokens, nearest=nearest)


@frozen(eq=False, repr=False)
class Batch:
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
    if wanted.exact:
        return ()
    return (f"{made}, near the common 4M" if tokens <= _NOTEWORTHY_BATCH * DEFAULT_BATCH_TOKENS else made,)


def warned_of_batch(request: TrainRequest, wanted: Wanted, sequences: int, seq_len: int, dp: int) -> tuple[str, ...]:
    """Of one that is far above the common one, where nobody asked for it."""
    tokens = sequences * seq_len
    if wanted.exact or request.global_batch_tokens or tokens <= _NOTEWORTHY_BATCH * DEFAULT_BATCH_TOKENS:
        return ()
    warning = (
        f"one micro-batch on each of {dp:,} replicas makes a global batch of {tokens / 1e6:,.3g}M tokens, "
        f"{tokens / DEFAULT_BATCH_TOKENS:.2g} times the common 4M: fewer replicas, or more model parallelism?"
    )
    return (warning,)


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
