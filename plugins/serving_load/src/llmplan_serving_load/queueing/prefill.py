"""Reading prompts: how long it takes, and how much longer it keeps what decodes beside it waiting."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from typing import Any

from attrs import evolve, fields_dict, frozen

from llmplan.arrays.quantities import Number, expm1, floor, maximum, minimum, power, total, where
from llmplan.records import Step
from llmplan_serving_load.queueing.engine import Engine, prompt_step
from llmplan_serving_load.queueing.rounds import Round
from llmplan_serving_load.queueing.table import SequenceTable, Values
from llmplan_serving_load.queueing.work import Work

_THIRD = 1.0 / 3.0


@frozen
class PrefillTimes:
    """Of a prompt beside a number of sequences that decode; means over prompts, in seconds."""

    seconds: Number
    """From its first pass to its last, alone."""
    square: Number
    """Mean of their squares."""
    extra: Number
    """What it adds to the passes that would have been made without it."""
    packed_seconds: Number
    """As `seconds`, where prompts fill every pass."""
    packed_extra: Number
    held: Number
    """Prompts that a pass has room for: less than 1 where one takes several."""
    some: Number
    """Prompts of a pass that is neither of one nor full, about where computation begins to bind."""
    another: Number
    """What another one adds to a pass of up to so many; 0 where there is no room for it."""
    further: Number
    """What another one adds to a larger pass: computation binds, where reading weights did before."""

    @property
    def sharing(self) -> Number:
        """0 to 1: whether a pass that reads a prompt has room for another."""
        return minimum(1.0, maximum(0.0, self.held - 1.0))

    @property
    def _shared(self) -> Number:
        """Prompts beside the first that a pass has room for; 1 where it has room for one alone, to divide by."""
        return where(self.held > 1.0, self.held - 1.0, 1.0)

    def others(self, prompts: Number) -> Number:
        """What all but the first of so many add to a pass."""
        return self.another * (minimum(prompts, self.some) - 1.0) + self.further * maximum(prompts - self.some, 0.0)

    def _backlog(self, rate: Number) -> Number:
        """Prompts of passes that follow each other, m = rate x (T1 + others(m)); a full pass where there is none."""
        few, many = 1.0 - rate * self.another, 1.0 - rate * self.further
        found = rate * (self.seconds - self.another) / where(few > 0, few, 1.0)
        behind = rate * (self.seconds + self.others(self.some) - self.further * self.some)
        larger = where(many > 0, behind / where(many > 0, many, 1.0), self.held)
        return where((few > 0) & (found <= self.some), found, larger)

    def at(self, rate: Number, step: Number) -> Reading:
        """At a rate of prompts, where a step that only decodes takes so long.

        A pass reads those that came during the last one, x = rate x its length on average, x / (1 - e^-x) where any
        did; once passes follow each other, m = rate T(m).
        """
        alone = minimum(1.0, rate * self.seconds)
        came = rate * ((1.0 - alone) * step + alone * self.seconds)
        some = came > 0
        found = where(some, came / -expm1(-where(some, came, 1.0)), 1.0)
        pass_of = self._fullness(maximum(found, self._backlog(rate)))
        return self._reading(rate, where(self.held > 1.0, pass_of, alone))

    def with_prompts(self, prompts: Number) -> Number:
        """What one adds where so many come in the time of a step."""
        return self._of(self._fullness(prompts))[1]

    def _fullness(self, prompts: Number) -> Number:
        """0 where a pass holds one prompt, or a part of it, alone; 1 where it is full."""
        full = where(self.held > 1.0, (prompts - 1.0) / self._shared, prompts / self.held)
        return minimum(1.0, maximum(0.0, full))

    def _of(self, full: Number) -> tuple[Number, Number]:
        """Seconds and extra of a prompt in passes of this fullness."""
        several = self.held > 1.0
        prompts = 1.0 + full * where(several, self.held - 1.0, 0.0)
        others = self.others(prompts)
        seconds = self.seconds + full * (self.packed_seconds - self.seconds)
        extra = self.extra + full * (self.packed_extra - self.extra)
        return (
            where(several, (self.seconds + others) / prompts, seconds),
            where(several, (self.extra + others) / prompts, extra),
        )

    def _reading(self, rate: Number, full: Number) -> Reading:
        seconds, extra = self._of(full)
        prompts = maximum(1.0, 1.0 + full * (self.held - 1.0))
        return Reading(minimum(1.0, rate * seconds), seconds, extra, full, prompts)


@frozen
class Reading:
    """How prompts are read as they come."""

    busy: Number
    """Share of the time in which some are read."""
    seconds: Number
    """Of one: the passes that it is in, shared with others."""
    extra: Number
    """What one adds to the passes that would have been made without it."""
    full: Number
    """0 where passes hold one prompt each, 1 where they are full."""
    prompts: Number
    """In a pass."""


values_of: Callable[[PrefillTimes], Any] = attrgetter(*fields_dict(PrefillTimes))
"""All of them, in order."""


def mean_times(times: Sequence[Values], weights: Sequence[Number]) -> PrefillTimes:
    """Of so many, each by its values, weighted; the weights sum to 1."""
    return PrefillTimes(
        *(
            total(weight * value for weight, value in zip(weights, values, strict=True))
            for values in zip(*times, strict=True)
        )
    )


class Prefill:
    """Times of prompts on an engine, by the sequences that decode beside them.

    They are priced beside 0, 1, 2, 4, … sequences up to twice `most`, and taken to be linear between these.
    """

    def __init__(
        self,
        engine: Engine,
        work: Work,
        most: float,
        *,
        beside: bool,
        table: SequenceTable | None = None,
        also: Sequence[float] = (),
    ) -> None:
        """`also` are numbers of sequences of rounds without a prompt, which are priced in the same call."""
        self._engine, self._work, self._also = engine, work, also
        self._beside = beside and engine.chunked
        points = [0.0, 1.0]
        while self._beside and points[-1] < 2.0 * most:
            points.append(2.0 * points[-1])
        self._table = table or SequenceTable(self._priced, points, engine.many, ahead=engine.ahead)
        self.decoding: dict[float, Number] = {}
        """Seconds of rounds without a prompt that were priced on the way, by their sequences."""

    def times(self, sequences: Number) -> PrefillTimes:
        """Beside so many sequences; whatever their number where nothing is read beside them."""
        return PrefillTimes(*self._table.at(sequences if self._beside else 0.0 * sequences))

    def taken(self, servers: Any) -> Prefill:
        """The times of some of many servers, by their numbers."""
        return Prefill(self._engine, self._work, 0.0, beside=self._beside, table=self._table.taken(servers))

    def _priced(self, points: Sequence[float]) -> list[Values]:
        """All rounds of all points are priced together."""
        asked = [_Question(self._engine, self._work, point) for point in points]
        alone = [Step(sequences=number, context=self._work.context) for number in self._also]
        rounds = iter(self._engine.rounds([*alone, *(step for question in asked for step in question.steps)]))
        self.decoding.update((number, next(rounds).seconds) for number in self._also)
        return [values_of(question.answer(rounds)) for question in asked]


class _Question:
    """The rounds that say what prompts take beside so many sequences."""

    def __init__(self, engine: Engine, work: Work, sequences: float) -> None:
        self._engine, self._work = engine, work
        self._decode = [Step(sequences=sequences, context=work.context)] if sequences else []
        self._prompts = [
            engine.prompt_steps(prompt.new, prompt.cached, sequences, work.context) for prompt in work.prompts
        ]
        self._held, self._full = self._packed(sequences)
        self._some = maximum(1.0 * engine.batches, power(maximum(self._held, 1.0), _THIRD))
        tokens = minimum(self._some, self._held) * work.new_tokens
        self._middle = evolve(self._full, prompt_tokens=tokens, prompts=self._some)

    @property
    def steps(self) -> list[Step]:
        """Steps of the rounds, in the order in which `answer` takes them."""
        return [*self._decode, self._full, self._middle, *(step for steps in self._prompts for step, _ in steps)]

    def answer(self, rounds: Iterator[Round]) -> PrefillTimes:
        """Of the prices of these rounds."""
        decode: Number = next(rounds).seconds if self._decode else 0.0
        full, held, middle, some = next(rounds).seconds, self._held, next(rounds).seconds, self._some
        alone = [self._of_prompt(steps, rounds, decode) for steps in self._prompts]
        count = float(len(alone))
        seconds = total(whole for whole, _ in alone) / count
        return PrefillTimes(
            seconds=seconds,
            square=total(whole * whole for whole, _ in alone) / count,
            extra=total(extra for _, extra in alone) / count,
            packed_seconds=full / held,
            packed_extra=(full - decode) / held,
            held=held,
            some=some,
            another=_slope(some - 1.0, middle - seconds),
            further=_slope(held - some, full - middle),
        )

    def _of_prompt(
        self, steps: Sequence[tuple[Step, Number]], rounds: Iterator[Round], decode: Number
    ) -> tuple[Number, Number]:
        """Seconds of a prompt alone, and what it adds to the rounds that it is in."""
        made = [(next(rounds), each) for _, each in steps]
        seconds = total(each * one.latency for one, each in made)
        return seconds, total(each * (one.seconds - decode) for one, each in made)

    def _packed(self, sequences: float) -> tuple[Number, Step]:
        """How many prompts fill the room of every batch in a round, and the step of such a round."""
        engine, prompts, tokens = self._engine, self._work.prompts, self._work.new_tokens
        room = engine.batches * engine.room_tokens(sequences)
        held = room / tokens if engine.chunked else maximum(1.0, floor(room / tokens))
        whole = prompt_step([(prompt.new, prompt.cached) for prompt in prompts], sequences, self._work.context)
        step = evolve(whole, prompt_tokens=held * tokens, prompts=maximum(1.0 * engine.batches, held))
        return held, step


def _slope(prompts: Number, seconds: Number) -> Number:
    """Of each of so many more; 0 where there are none."""
    some = prompts > 0
    return where(some, seconds / where(some, prompts, 1.0), 0.0)
