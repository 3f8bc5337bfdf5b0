"""Batch arithmetic: global batch = micro-batch x gradient accumulation x dp."""

from __future__ import annotations

from attrs import frozen

from llmplan.errors import BadInputError
from llmplan.requests import TrainRequest

DEFAULT_BATCH_TOKENS = 4e6
"""Tokens of an iteration: what LLaMA used at every size (arXiv:2302.13971, table 2)."""


@frozen
class Batch:
    """Sequences of one iteration, as the pipelines take them in."""

    micro_batch: int
    gradient_accumulation: int
    assumptions: tuple[str, ...]


def choose_batch(request: TrainRequest, seq_len: int, dp: int) -> Batch:
    """Complete what was given; BadInputError where it does not go together."""
    if request.global_batch is not None and request.global_batch_tokens is not None:
        raise BadInputError("global-batch: contradicts global-batch-tokens; give one of them")
    micro = request.micro_batch
    accumulation = request.gradient_accumulation
    said: list[str] = []
    if micro is None and not (request.global_batch is not None and accumulation is not None):
        micro = 1
        said.append("micro-batch 1")
    if request.global_batch is not None:
        return _from_global(request.global_batch, micro, accumulation, dp, said)
    if request.global_batch_tokens is None and accumulation is not None:
        return Batch(micro or 1, accumulation, tuple(said))
    wanted = request.global_batch_tokens or DEFAULT_BATCH_TOKENS
    step = (micro or 1) * dp
    steps = max(1, round(wanted / seq_len / step)) if accumulation is None else accumulation
    tokens = steps * step * seq_len
    if accumulation is not None and abs(tokens - wanted) > step * seq_len:
        raise BadInputError(
            f"global-batch-tokens: {wanted:,.0f} contradicts micro-batch x gradient-accumulation x dp x seq-len "
            f"= {micro} x {accumulation} x {dp} x {seq_len} = {tokens:,}"
        )
    source = "asked" if request.global_batch_tokens else "a common size"
    if tokens != wanted or not request.global_batch_tokens:
        said.append(f"global batch {steps * step:,} sequences = {tokens:,} tokens ({source}: {wanted:,.0f})")
    return Batch(micro or 1, steps, tuple(said))


def _from_global(total: int, micro: int | None, accumulation: int | None, dp: int, said: list[str]) -> Batch:
    known = dp * (micro or 1) * (accumulation or 1)
    terms = " x ".join(
        f"{name} {value}"
        for name, value in (("dp", dp), ("micro-batch", micro), ("gradient-accumulation", accumulation))
        if value is not None
    )
    if micro is not None and accumulation is not None:
        if known != total:
            raise BadInputError(f"global-batch: {total} contradicts {terms} = {known}")
    elif total % known:
        below, above = total // known * known, (total // known + 1) * known
        near = f"{below} or {above}" if below else f"{above}"
        raise BadInputError(f"global-batch: {total} is not divisible by {terms} = {known}; {near} would be")
    elif micro is None:
        micro = total // known
    else:
        accumulation = total // known
    return Batch(micro or 1, accumulation or 1, tuple(said))
