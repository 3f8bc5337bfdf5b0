"""Batch arithmetic: global batch = micro-batch x gradient accumulation x dp."""

from __future__ import annotations

from attrs import evolve, frozen

from llmplan.errors import BadInputError
from llmplan.request import TrainRequest

DEFAULT_BATCH_TOKENS = 2.0**22
"""Tokens of an iteration: the 4M of LLaMA at every size (arXiv:2302.13971, table 2), 2,048 sequences of 2,048."""
NOTEWORTHY_BATCH = 2
"""Times the common batch above which one that nobody asked for is worth a warning."""


@frozen(eq=False, repr=False)
class Batch:
    """Sequences of one iteration, as the pipelines take them in."""

    micro_batch: int
    gradient_accumulation: int
    assumptions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def choose_batch(request: TrainRequest, seq_len: int, dp: int) -> Batch:
    """Complete what was given; BadInputError where it does not go together."""
    if request.global_batch is not None and request.global_batch_tokens is not None:
        tokens = f"global-batch-tokens {request.global_batch_tokens:,.0f}"
        raise BadInputError(f"global-batch: {request.global_batch} contradicts {tokens}; give one of them")
    micro, accumulation = request.micro_batch, request.gradient_accumulation
    said: tuple[str, ...] = ()
    wanted = request.global_batch or request.global_batch_tokens
    if micro is None and (accumulation is None or wanted is None):
        micro = 1
        said = ("micro-batch 1",)
    if request.global_batch is not None:
        return evolve(_from_global(request.global_batch, micro, accumulation, dp), assumptions=said)
    if request.global_batch_tokens is not None:
        return _from_tokens(request.global_batch_tokens, micro, accumulation, seq_len, dp, said)
    if micro is not None and accumulation is not None:
        return Batch(micro, accumulation, said)
    return _by_default(micro or 1, seq_len, dp, said)


def _by_default(micro: int, seq_len: int, dp: int, said: tuple[str, ...]) -> Batch:
    step = micro * dp
    accumulation = max(1, round(DEFAULT_BATCH_TOKENS / seq_len / step))
    tokens = accumulation * step * seq_len
    assumed = f"global batch {accumulation * step:,} sequences = {tokens:,} tokens, near the common 4M"
    if tokens <= NOTEWORTHY_BATCH * DEFAULT_BATCH_TOKENS:
        return Batch(micro, accumulation, (*said, assumed))
    warning = (
        f"one micro-batch on each of {dp:,} replicas makes a global batch of {tokens / 1e6:,.3g}M tokens, "
        f"{tokens / DEFAULT_BATCH_TOKENS:.2g} times the common 4M: fewer replicas, or more model parallelism?"
    )
    return Batch(micro, accumulation, (*said, f"global batch {accumulation * step:,} sequences"), (warning,))


def _from_tokens(
    wanted: float, micro: int | None, accumulation: int | None, seq_len: int, dp: int, said: tuple[str, ...]
) -> Batch:
    """The nearest batch that micro-batch, accumulation and replicas can make, at most half a step away."""
    known = dp * (micro or 1) * (accumulation or 1)
    times = 1 if micro is not None and accumulation is not None else max(1, round(wanted / seq_len / known))
    tokens = times * known * seq_len
    if abs(tokens - wanted) > known * seq_len / 2:
        raise BadInputError(
            f"global-batch-tokens: {wanted:,.10g} contradicts {_terms(micro, accumulation, dp)} x seq-len {seq_len} "
            f"= {tokens:,}"
        )
    if tokens != wanted:
        said = (*said, f"global batch {times * known:,} sequences = {tokens:,} tokens (asked: {wanted:,.0f})")
    return Batch(micro or times, accumulation or times, said)


def _terms(micro: int | None, accumulation: int | None, dp: int) -> str:
    sizes = (("dp", dp), ("micro-batch", micro), ("gradient-accumulation", accumulation))
    return " x ".join(f"{name} {size}" for name, size in sizes if size is not None)


def _from_global(total: int, micro: int | None, accumulation: int | None, dp: int) -> Batch:
    known = dp * (micro or 1) * (accumulation or 1)
    terms = _terms(micro, accumulation, dp)
    if micro is not None and accumulation is not None and known != total:
        raise BadInputError(f"global-batch: {total} contradicts {terms} = {known}")
    if total % known:
        below, above = total // known * known, (total // known + 1) * known
        near = f"{below} or {above}" if below else f"{above}"
        raise BadInputError(f"global-batch: {total} is not divisible by {terms} = {known}; {near} would be")
    return Batch(micro or total // known, accumulation or total // known)
