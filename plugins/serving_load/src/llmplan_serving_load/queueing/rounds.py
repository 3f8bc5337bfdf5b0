"""Rounds of a replica: the batches in flight on its pipeline stages advance together, each by one step.

No batch starts again before its own step is over, nor before each stage has worked on all others, so a round takes
T = max(step of the batch, sum of stage times), on average over the batches. The formulas take numbers, or arrays with
one element a replica.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from attrs import frozen

from llmplan.arrays.quantities import Number, maximum, minimum, where
from llmplan.records import Step

StepSeconds: TypeAlias = tuple[Number, Number]
"""Seconds of a step through all pipeline stages, and on the slowest of them."""
StepPricer: TypeAlias = Callable[[Sequence[Step]], Sequence[StepSeconds]]


@frozen(eq=False)
class Round:
    """The seconds of a round, and of the fullest batch in it."""

    seconds: Number
    """On average over the batches."""
    latency: Number
    """Of the fullest batch: its own step, or the sum of stage times where that is longer."""


def price_rounds(steps: Sequence[Step], batches: Number, price: StepPricer) -> list[Round]:
    """Rounds that hold these steps; all that has to be priced for them is priced in one call."""
    if isinstance(batches, (int, float)) and batches == 1:
        return [Round(seconds, seconds) for seconds, _ in price(steps)]
    dealt = [_dealt(step, batches) for step in steps]
    prices = iter(price([batch for each in dealt for batch in each.kinds]))
    return [_round(each, batches, prices) for each in dealt]


@frozen(eq=False)
class _Dealt:
    """The batches of a round: so many that hold most, and so many others that hold sequences alone."""

    kinds: tuple[Step, ...]
    """The fullest; and one of sequences alone, where a round has both."""
    full: Number
    others: Number


def _dealt(step: Step, batches: Number) -> _Dealt:
    """Sequences go evenly to the batches, each prompt to one of them, to those without sequences first."""
    decoding = minimum(batches, maximum(1.0, step.sequences))
    plain = Step(
        sequences=step.sequences / decoding, context=step.context, tokens_per_sequence=step.tokens_per_sequence
    )
    if _is_none(step.prompts):
        return _Dealt((plain,), decoding, 0.0)
    reading = minimum(batches, step.prompts)
    both = 0.0 if _is_none(step.sequences) else maximum(0.0, decoding + reading - batches)
    beside = both > 0
    fullest = Step(
        prompt_tokens=step.prompt_tokens / reading,
        prompt_context=step.prompt_context,
        prompts=step.prompts / reading,
        sequences=where(beside, plain.sequences, 0.0),
        context=where(beside, plain.context, 0.0),
        tokens_per_sequence=step.tokens_per_sequence,
    )
    if _is_none(step.sequences):
        return _Dealt((fullest,), reading, 0.0)
    return _Dealt((fullest, plain), reading, decoding - both)


def _round(dealt: _Dealt, batches: Number, prices: Iterator[StepSeconds]) -> Round:
    whole, stage = next(prices)
    if len(dealt.kinds) == 1:
        latency = maximum(whole, dealt.full * stage)
        return Round(latency, latency)
    plain_whole, plain_stage = next(prices)
    stages = dealt.full * stage + dealt.others * plain_stage
    latency = maximum(whole, stages)
    other = maximum(plain_whole, stages)
    return Round((dealt.full * latency + (batches - dealt.full) * other) / batches, latency)


def _is_none(value: Number) -> bool:
    """Whether it is the number 0; an array never is."""
    return isinstance(value, (int, float)) and value == 0
