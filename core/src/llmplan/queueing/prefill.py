"""Reading prompts: how long it takes, and how much longer it keeps what decodes beside it waiting."""

from __future__ import annotations

import math
from collections.abc import Sequence

from attrs import evolve, fields_dict, frozen

from llmplan.queueing.engine import Engine, prompt_step
from llmplan.queueing.work import Prompt, Work


@frozen(kw_only=True)
class PrefillTimes:
    """Of a prompt beside a number of sequences that decode; means over prompts, in seconds."""

    seconds: float
    """From its first pass to its last, alone."""
    square: float
    """Mean of their squares."""
    extra: float
    """What it adds to the passes that would have been made without it."""
    packed_seconds: float
    """As `seconds`, where prompts fill every pass."""
    packed_extra: float
    held: float
    """Prompts that a pass has room for: less than 1 where one takes several."""
    another: float
    """What another one adds to a pass; 0 where there is no room for it."""

    @property
    def sharing(self) -> float:
        """0 to 1: whether a pass that reads a prompt has room for another."""
        return min(1.0, max(0.0, self.held - 1.0))

    def at(self, rate: float, step: float) -> Reading:
        """At a rate of prompts, where a step that only decodes takes so long.

        A pass reads those that came during the last one, x = rate x its length on average, x / (1 - e^-x) where any
        did; once passes follow each other, m = rate (T1 + (m - 1) a), with T1 of one alone and a of another.
        """
        alone = min(1.0, rate * self.seconds)
        if self.held <= 1.0:
            return self._reading(rate, alone)
        came = rate * ((1.0 - alone) * step + alone * self.seconds)
        found = came / -math.expm1(-came) if came else 1.0
        rest = 1.0 - rate * self.another
        backlog = rate * (self.seconds - self.another) / rest if rest > 0 else self.held
        return self._reading(rate, self._fullness(max(found, backlog)))

    def with_prompts(self, prompts: float) -> float:
        """What one adds where so many come in the time of a step."""
        return self._of(self._fullness(prompts))[1]

    def _fullness(self, prompts: float) -> float:
        """0 where a pass holds one prompt, or a part of it, alone; 1 where it is full."""
        full = (prompts - 1.0) / (self.held - 1.0) if self.held > 1.0 else prompts / self.held
        return min(1.0, max(0.0, full))

    def _of(self, full: float) -> tuple[float, float]:
        """Seconds and extra of a prompt in passes of this fullness."""
        if self.held <= 1.0:
            seconds = self.seconds + full * (self.packed_seconds - self.seconds)
            return seconds, self.extra + full * (self.packed_extra - self.extra)
        prompts = 1.0 + full * (self.held - 1.0)
        others = (prompts - 1.0) * self.another
        return (self.seconds + others) / prompts, (self.extra + others) / prompts

    def _reading(self, rate: float, full: float) -> Reading:
        seconds, extra = self._of(full)
        prompts = max(1.0, 1.0 + full * (self.held - 1.0))
        return Reading(min(1.0, rate * seconds), seconds, extra, full, prompts)


@frozen
class Reading:
    """Prompts as they come."""

    busy: float
    """Share of the time in which some are read."""
    seconds: float
    """Of one: the passes that it is in, shared with others."""
    extra: float
    """What one adds to the passes that would have been made without it."""
    full: float
    """0 where passes hold one prompt each, 1 where they are full."""
    prompts: float
    """In a pass."""


def mean_times(times: Sequence[PrefillTimes], weights: Sequence[float]) -> PrefillTimes:
    """Of so many, weighted; the weights sum to 1."""
    pairs = list(zip(times, weights, strict=True))
    return PrefillTimes(
        **{name: sum(weight * getattr(each, name) for each, weight in pairs) for name in fields_dict(PrefillTimes)}
    )


class Prefill:
    """Times of prompts on an engine, by the sequences that decode beside them; kept once found."""

    def __init__(self, engine: Engine, work: Work, *, beside: bool) -> None:
        self._engine, self._work, self._beside = engine, work, beside
        self._known: dict[float, PrefillTimes] = {}

    def times(self, sequences: float) -> PrefillTimes:
        """Beside so many sequences, between numbers whose times are known."""
        if not (self._beside and self._engine.chunked):
            return self._at(0.0)
        low = _below(sequences)
        high = _above(low)
        part = min(1.0, (sequences - low) / (high - low))
        a, b = self._at(low), self._at(high)
        return mean_times([a, b], [1.0 - part, part])

    def _at(self, sequences: float) -> PrefillTimes:
        if sequences not in self._known:
            self._known[sequences] = self._priced(sequences)
        return self._known[sequences]

    def _priced(self, sequences: float) -> PrefillTimes:
        engine, work = self._engine, self._work
        decode = engine.decode_seconds(sequences, work.context) if sequences else 0.0
        alone = [self._alone(prompt, sequences, decode) for prompt in work.prompts]
        count = len(alone)
        seconds = sum(whole for whole, _ in alone) / count
        held, full = self._full(sequences)
        return PrefillTimes(
            seconds=seconds,
            square=sum(whole**2 for whole, _ in alone) / count,
            extra=sum(extra for _, extra in alone) / count,
            packed_seconds=full / held,
            packed_extra=(full - decode) / held,
            held=held,
            another=(full - seconds) / (held - 1.0) if held > 1.0 else 0.0,
        )

    def _alone(self, prompt: Prompt, sequences: float, decode: float) -> tuple[float, float]:
        steps = self._engine.prompt_steps(prompt.new, prompt.cached, sequences, self._work.context)
        seconds = sum(self._engine.latency_seconds(step) for step in steps)
        return seconds, sum(self._engine.round_seconds(step) for step in steps) - len(steps) * decode

    def _full(self, sequences: float) -> tuple[float, float]:
        """How many prompts fill the room of every batch in a round, and the seconds of such a round."""
        engine, prompts, tokens = self._engine, self._work.prompts, self._work.new_tokens
        room = engine.batches * engine.room_tokens(sequences)
        held = room / tokens if engine.chunked else max(1.0, room // tokens)
        whole = prompt_step([(prompt.new, prompt.cached) for prompt in prompts], sequences, self._work.context)
        step = evolve(whole, prompt_tokens=held * tokens, prompts=max(float(engine.batches), held))
        return held, engine.round_seconds(step)


def _below(sequences: float) -> float:
    """The power of 2, or 0, that is not above."""
    low = 0.0
    while _above(low) <= sequences:
        low = _above(low)
    return low


def _above(low: float) -> float:
    return max(1.0, 2.0 * low)
