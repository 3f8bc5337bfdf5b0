"""A replica in a simulation: it admits requests in order, reads prompts, and decodes until answers are complete."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from functools import cached_property
from heapq import heappop, heappush
from math import ceil, nan
from typing import TYPE_CHECKING, Any

from attrs import define, field

from llmplan_serving_load.queueing.engine import Engine, prompt_step

if TYPE_CHECKING:
    from simpy import Environment, Event

    from llmplan_serving_load.queueing.meter import Meter

PREFILL, DECODE = "prefill", "decode"
_RUN = 64
"""Rounds of nothing but decoding that are made at once: over so few the time of a step is linear in the context."""


@define(eq=False)
class Sequence:
    """A request that a replica works on."""

    number: int
    arrival: float
    new: int
    """Prompt tokens to be read, of which `read` are."""
    cached: int
    output: int
    steps: int
    """Of decoding, drawn with the request."""
    counts: bool
    route: int
    """Where it goes, modulo the number of replicas."""
    read: int = 0
    kv_bytes: float = 0.0
    lag: float = 0.0
    """By which its own batch is later than the mean of those in flight."""
    started_at: float = nan
    first_token_at: float = nan
    finished_at: float = nan

    @property
    def prompt(self) -> int:
        """How many tokens the prompt has, cached ones too."""
        return self.new + self.cached

    @property
    def growth(self) -> float:
        """Tokens that a step of decoding adds to its context."""
        return (self.output - 1) / self.steps


@define(eq=False)
class Replica:
    """Works as long as there is work; `prefilled` takes what has been read, `answered` what is complete."""

    env: Environment
    engine: Engine
    meter: Meter
    pool: str
    """``prefill`` of those that only read prompts; else ``decode``."""
    prefilled: Callable[[Replica, Sequence], None]
    answered: Callable[[Sequence], None]
    waiting: deque[Sequence] = field(factory=deque)
    admitted: list[Sequence] = field(factory=list)
    """In order, their prompts not read yet."""
    held: int = 0
    """Requests that it has, in all."""
    worked_on: int = 0
    tokens: float = 0.0
    """Generated so far."""
    kv_bytes: float = 0.0
    kv_peak_bytes: float = 0.0
    _ends: list[tuple[int, int, Sequence]] = field(factory=list)
    """Of what decodes: the round in which it is complete."""
    _rounds: int = 0
    _context: float = 0.0
    """Of all that decodes, together, in the next round."""
    _growth: float = 0.0
    _news: Event | None = None

    @cached_property
    def _busy(self) -> str:
        return f"{self.pool} busy"

    @cached_property
    def _kv(self) -> str:
        return f"{self.pool} kv"

    def submit(self, sequence: Sequence) -> None:
        """A request, or what another replica has read of it."""
        self.held += 1
        self.waiting.append(sequence)
        if self._news is not None and not self._news.triggered:
            self._news.succeed()

    def decode(self, sequence: Sequence) -> None:
        """Let a sequence decode from the next round on."""
        heappush(self._ends, (self._rounds + sequence.steps, sequence.number, sequence))
        self._context += sequence.prompt + 1
        self._growth += sequence.growth
        self.meter.change("decoding", 1.0, self.env.now)

    def release(self, sequence: Sequence) -> None:
        """Its cache and its place are free."""
        self.held -= 1
        self.worked_on -= 1
        self.kv_bytes -= sequence.kv_bytes
        self.meter.change(self._kv, -sequence.kv_bytes, self.env.now)

    def run(self) -> Generator[Event, Any, None]:
        """Work round after round for as long as there is work."""
        while True:
            self._admit()
            if self.admitted:
                yield from self._read_prompts()
            elif self._ends:
                yield from self._decode_on()
            else:
                self._news = self.env.event()
                yield self._news
                self._news = None

    @property
    def _decoding(self) -> int:
        return len(self._ends)

    def _admit(self) -> None:
        """First come, first served: where the next has no room, nobody passes it."""
        engine = self.engine
        while self.waiting and self.worked_on < engine.max_sequences:
            sequence = self.waiting[0]
            if not self._has_room_for(sequence.new):
                return
            kv_bytes = engine.kv_bytes(sequence.prompt + (sequence.output if self.pool == DECODE else 1))
            if self.kv_bytes + kv_bytes > engine.kv_room_bytes:
                return
            self.waiting.popleft()
            self._take(sequence, kv_bytes)

    def _take(self, sequence: Sequence, kv_bytes: float) -> None:
        sequence.kv_bytes = kv_bytes
        self.worked_on += 1
        self.kv_bytes += kv_bytes
        self.kv_peak_bytes = max(self.kv_peak_bytes, self.kv_bytes)
        self.meter.change(self._kv, kv_bytes, self.env.now)
        if sequence.read < sequence.new:
            sequence.started_at = self.env.now
            self.admitted.append(sequence)
        else:
            self.decode(sequence)

    def _has_room_for(self, unread: int) -> bool:
        """In the next round: a part of it where prompts are cut, else all of it, unless it is the only one."""
        engine = self.engine
        before = sum(sequence.new - sequence.read for sequence in self.admitted)
        if engine.chunked:
            return before < engine.batches * engine.room_tokens(self._decoding)
        return not self.admitted or before + unread <= engine.batches * engine.step_tokens

    def _read_prompts(self) -> Generator[Event, Any, None]:
        """One round with prompts; what decodes goes on beside them where they are cut, else it waits."""
        chunks = self._chunks()
        sequences = self._decoding if self.engine.chunked else 0
        context = self._context / max(1, sequences)
        step = prompt_step([(tokens, each.cached + each.read) for each, tokens in chunks], sequences, context)
        made = self.engine.round_of(step)
        seconds = made.seconds
        extra = seconds - (self.engine.decode_seconds(sequences, context) if sequences else 0.0)
        yield from self._work(seconds, extra / seconds)
        if sequences:
            self._advance(1)
        lag = made.latency - seconds
        for sequence, tokens in chunks:
            sequence.read += tokens
            sequence.lag += lag
            if sequence.read == sequence.new:
                self._read(sequence)

    def _chunks(self) -> list[tuple[Sequence, int]]:
        """Of the prompts in order: all of them, or what the round has room for, each in one batch."""
        if not self.engine.chunked:
            return [(sequence, sequence.new) for sequence in self.admitted]
        room = int(self.engine.room_tokens(self._decoding))
        left = int(self.engine.batches) * room
        chunks = []
        for sequence in self.admitted:
            tokens = min(sequence.new - sequence.read, room, left)
            if tokens:
                chunks.append((sequence, tokens))
            left -= tokens
        return chunks

    def _read(self, sequence: Sequence) -> None:
        """The last token of the prompt has given the first of the answer."""
        self.admitted.remove(sequence)
        sequence.first_token_at = self.env.now + sequence.lag
        self.tokens += 1.0
        if sequence.output == 1:
            self._complete(sequence)
        else:
            self.prefilled(self, sequence)

    def _decode_on(self) -> Generator[Event, Any, None]:
        """Rounds until one is complete or one comes that can be admitted, which waits for the round in progress."""
        rounds = min(_RUN, self._ends[0][0] - self._rounds)
        count = self._decoding
        first = self.engine.decode_seconds(count, self._context / count)
        last = self.engine.decode_seconds(count, (self._context + (rounds - 1) * self._growth) / count)
        slope = (last - first) / max(1, rounds - 1)

        def seconds(number: int) -> float:
            return number * first + slope * number * (number - 1) / 2.0

        if self.waiting or rounds == 1:
            yield from self._work(seconds(rounds))
            self._advance(rounds)
            return
        begun, made, whole = self.env.now, rounds, seconds(rounds)
        self._news = news = self.env.event()
        yield from self._work(whole, news=news)
        self._news = None
        elapsed = self.env.now - begun
        if self.waiting and elapsed < whole:
            made = max(1, ceil(elapsed / max(first, last)))
            while seconds(made) < elapsed:
                made += 1
            yield from self._work(seconds(made) - elapsed)
        self._advance(made)

    def _work(self, seconds: float, reading: float = 0.0, news: Event | None = None) -> Generator[Event, Any, None]:
        """The GPUs work, so long or until there are news; `reading` is the share of it that prompts add."""
        change, busy, begun = self.meter.change, self._busy, self.env.now
        change(busy, 1.0, begun)
        if reading:
            change("reading", reading, begun)
        timeout: Any = self.env.timeout(seconds)
        if news is not None:
            timeout.callbacks.append(lambda _: news.triggered or news.succeed())
        yield timeout if news is None else news
        ended = self.env.now
        change(busy, -1.0, ended)
        if reading:
            change("reading", -reading, ended)

    def _advance(self, rounds: int) -> None:
        self._rounds += rounds
        self._context += rounds * self._growth
        self.tokens += rounds * self._growth
        while self._ends and self._ends[0][0] <= self._rounds:
            sequence = heappop(self._ends)[2]
            self._context -= sequence.prompt + sequence.output
            self._growth -= sequence.growth
            self.meter.change("decoding", -1.0, self.env.now)
            self._complete(sequence)
        if not self._ends:
            self._context = self._growth = 0.0

    def _complete(self, sequence: Sequence) -> None:
        sequence.finished_at = self.env.now + sequence.lag
        self.release(sequence)
        self.answered(sequence)
