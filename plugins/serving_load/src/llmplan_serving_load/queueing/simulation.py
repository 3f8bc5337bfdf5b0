"""A server simulated request by request: what the closed forms leave out, and the percentiles."""

from __future__ import annotations

import random
from collections.abc import Generator, Iterator
from math import ceil
from typing import TYPE_CHECKING, Any

from attrs import evolve

from llmplan.estimate import Means, Simulated
from llmplan.watching import tell
from llmplan_serving_load.queueing.closed_form import busy_shares
from llmplan_serving_load.queueing.meter import Meter, mean, percentiles
from llmplan_serving_load.queueing.replica import DECODE, PREFILL, Replica, Sequence
from llmplan_serving_load.queueing.server import Server
from llmplan_serving_load.queueing.side_by_side import side_by_side
from llmplan_serving_load.queueing.work import cached_tokens

if TYPE_CHECKING:
    from simpy import Environment, Event

_WARM_UP = 0.1
"""Of the requests that count, as many come before them; and twice as many as are in the system at a time."""

_LONGEST_WARM_UP = 10.0
"""Of the requests that count: near its capacity a server takes for ever to settle."""
_ALONE = 1e-6
"""Requests in the system on average, so few that they hardly ever meet."""
_OF_THE_LOAD = ("requests_per_second", "concurrency", "decoding", "busy_share", "kv_share")
"""Means in proportion to the rate, where requests do not meet."""
_TOLD = 1_000
"""Requests after which it is told how many are answered."""
_ROUTES = 2**30
"""Among which one is drawn: many more than replicas."""


def simulate(server: Server, expected: Means | None = None) -> Simulated:
    """Run until every request that counts is answered; `expected` says how much has to come before, to fill it.

    Of replicas that are alike and share nothing one stands for all.
    """
    from simpy import Environment

    rate = server.plan.workload.rate
    if rate and expected is not None and rate * expected.total_seconds < _ALONE:
        return _trickle(server, expected, rate)
    replicas = _alike(server)
    if replicas == 1:
        return Simulation(Environment(), server, expected).run()
    workload = server.plan.workload
    share = evolve(
        workload,
        rate=None if workload.rate is None else workload.rate / replicas,
        concurrency=None if workload.concurrency is None else workload.concurrency // replicas,
    )
    alone = evolve(server, plan=evolve(server.plan, workload=share), prefill_replicas=1, decode_replicas=1)
    expected = None if expected is None else evolve(expected, concurrency=expected.concurrency / replicas)
    found = Simulation(Environment(), alone, expected).run()
    return evolve(found, means=side_by_side([(replicas, found.means)]))


def _trickle(server: Server, expected: Means, rate: float) -> Simulated:
    """As at a rate at which requests do not meet either, but after which a clock still tells milliseconds apart."""
    enough = 2.0 * _ALONE / expected.total_seconds
    faster = evolve(server, plan=evolve(server.plan, workload=evolve(server.plan.workload, rate=enough)))
    found = simulate(faster, expected)
    scaled = {name: getattr(found.means, name) * (rate / enough) for name in _OF_THE_LOAD}
    return evolve(found, means=evolve(found.means, **scaled))


def _alike(server: Server) -> int:
    """Replicas with equal shares of the load that have nothing to do with each other; 1 where they are not."""
    workload, replicas = server.plan.workload, int(server.decode_replicas)
    uneven = (workload.concurrency or 0) % replicas
    return 1 if server.separate or workload.trace or uneven else replicas


class Simulation:
    """A server, its load, and what is counted of it."""

    def __init__(self, env: Environment, server: Server, expected: Means | None) -> None:
        self.env, self.server = env, server
        self.meter = Meter()
        self.sequences: list[Sequence] = []
        """All that came, in order."""
        self.counted: list[Sequence] = []
        self._random = random.Random(server.plan.workload.seed)  # noqa: S311 - nothing secret hangs on it
        self._left = server.plan.workload.requests
        self._ranks, self._ranks_of_answers = (even_ranks(self._random, self._left) for _ in range(2))
        self._expected = expected
        self._over = env.event()
        self._followed: dict[int, Event] = {}
        self.decoders = self._replicas(DECODE, int(server.decode_replicas))
        self.readers = self._replicas(PREFILL, int(server.prefill_replicas)) if server.separate else self.decoders

    def run(self) -> Simulated:
        """Simulate all requests and return what was counted."""
        workload = self.server.plan.workload
        source = (
            self._trace()
            if workload.trace
            else self._users(workload.concurrency)
            if workload.concurrency
            else self._poisson()
        )
        self.env.process(source)
        for replica in {id(each): each for each in (*self.readers, *self.decoders)}.values():
            self.env.process(replica.run())
        self.env.run(until=self._over)
        self.meter.end(self.env.now)
        return self._summary()

    def _replicas(self, pool: str, number: int) -> list[Replica]:
        engine = self.server.decode_engine if pool == DECODE else self.server.prefill_engine
        return [Replica(self.env, engine, self.meter, pool, self._prefilled, self._answered) for _ in range(number)]

    def _poisson(self) -> Generator[Event, Any, None]:
        """Of a rate, counted in a span that holds exactly as many requests as it does on average, at random times."""
        workload = self.server.plan.workload
        rate = workload.rate or 0.0
        before, count = self._warm_up(), self._left
        self._left += 1  # the span, which may last longer than the last answer of those that come in it
        begin, end = before / rate, (before + count) / rate
        times = sorted(self._random.uniform(0.0, begin) for _ in range(before))
        times += sorted(self._random.uniform(begin, end) for _ in range(count))
        yield from self._come(times[:before], counts=False)
        yield self.env.timeout(begin - self.env.now)
        self.meter.begin(begin)
        yield from self._come(times[before:], counts=True)
        yield self.env.timeout(end - self.env.now)
        self.meter.end(end)
        self._done()
        while True:
            yield self.env.timeout(self._random.expovariate(rate))
            self._arrive(*self._lengths(), counts=False)

    def _come(self, times: list[float], *, counts: bool) -> Generator[Event, Any, None]:
        for time in times:
            yield self.env.timeout(time - self.env.now)
            self._arrive(*self._lengths(), counts=counts)

    def _trace(self) -> Generator[Event, Any, None]:
        """As it says, from its first request to its last answer."""
        trace = self.server.plan.workload.trace
        self._left = len(trace)
        self.meter.begin(0.0)
        for request in trace:
            yield self.env.timeout(request.arrival_seconds - trace[0].arrival_seconds - self.env.now)
            self._arrive(request.prompt_tokens, request.output_tokens, counts=True)

    def _users(self, users: int) -> Generator[Event, Any, None]:
        """They begin one after another over the time of an answer, so that not all ask at once for ever."""
        apart = 0.0 if self._expected is None else self._expected.total_seconds / users
        first, last = self._warm_up(), self._warm_up() + self._left
        for user in range(users):
            self.env.process(self._user(user, first, last))
            yield self.env.timeout(apart)

    def _user(self, user: int, first: int, last: int) -> Generator[Event, Any, None]:
        while True:
            number = len(self.sequences)
            if number == first:
                self.meter.begin(self.env.now)
            if number == last:
                self.meter.end(self.env.now)
            answered = self._followed[number] = self.env.event()
            self._arrive(*self._lengths(), counts=first <= number < last, route=user)
            yield answered

    def _warm_up(self) -> int:
        requests = self.server.plan.workload.requests
        inside = 0.0 if self._expected is None else self._expected.concurrency
        return ceil(_WARM_UP * requests + min(2.0 * inside, _LONGEST_WARM_UP * requests))

    def _lengths(self) -> tuple[int, int]:
        return self.server.plan.workload.lengths_at(next(self._ranks), next(self._ranks_of_answers))

    def _arrive(self, prompt: int, output: int, *, counts: bool, route: int | None = None) -> None:
        cached = cached_tokens(prompt, self.server.plan.prefix_hit_rate)
        sequence = Sequence(
            number=len(self.sequences),
            arrival=self.env.now,
            new=prompt - cached,
            cached=cached,
            output=output,
            steps=self._steps(output - 1),
            counts=counts,
            route=self._random.randrange(_ROUTES) if route is None else route,
        )
        self.sequences.append(sequence)
        self.meter.change("requests", 1.0, self.env.now)
        self._dispatch(self.readers, sequence)

    def _steps(self, tokens: int) -> int:
        """Of decoding, until so many tokens are there; a step yields one, or by chance more."""
        yields = self.server.work.yields
        if len(yields) == 1:
            return tokens
        steps, found = 0, 0
        sizes = range(1, len(yields) + 1)
        while found < tokens:
            found += self._random.choices(sizes, yields)[0]
            steps += 1
        return steps

    def _dispatch(self, replicas: list[Replica], sequence: Sequence) -> None:
        """At random, as a plain load balancer does, or where the user's last request went."""
        replicas[sequence.route % len(replicas)].submit(sequence)

    def _prefilled(self, replica: Replica, sequence: Sequence) -> None:
        if replica.pool == DECODE:
            replica.decode(sequence)
        else:
            self.env.process(self._hand_over(replica, sequence))

    def _hand_over(self, replica: Replica, sequence: Sequence) -> Generator[Event, Any, None]:
        """The cache stays where it is until it has been sent."""
        yield self.env.timeout(self.server.transfer_of(sequence.prompt))
        replica.release(sequence)
        self._dispatch(self.decoders, sequence)

    def _answered(self, sequence: Sequence) -> None:
        self.meter.change("requests", -1.0, self.env.now)
        self.meter.count("answered")
        followed = self._followed.pop(sequence.number, None)
        if followed is not None:
            followed.succeed()
        if sequence.counts:
            self.counted.append(sequence)
            self._done()

    def _done(self) -> None:
        """With one of those that count; it is over with the last."""
        self._left -= 1
        if not self._left % _TOLD:
            tell(len(self.counted), self.server.plan.workload.requests, "requests simulated")
        if not self._left:
            self._over.succeed()

    def _summary(self) -> Simulated:
        first = [each.first_token_at - each.arrival for each in self.counted]
        total = [each.finished_at - each.arrival for each in self.counted]
        next_ = [
            (each.finished_at - each.first_token_at) / (each.output - 1) for each in self.counted if each.output > 1
        ]
        return Simulated(
            requests=len(self.counted),
            means=self._means(first, next_, total),
            first_token=percentiles(first),
            next_token=percentiles(next_) if next_ else None,
            total=percentiles(total),
            kv_peak_share=max(each.kv_peak_bytes for each in self.decoders) / self._kv_room,
        )

    def _means(self, first: list[float], next_: list[float], total: list[float]) -> Means:
        meter, replicas = self.meter, len(self.decoders)
        return Means(
            queueing_seconds=mean([each.started_at - each.arrival for each in self.counted]),
            first_token_seconds=mean(first),
            next_token_seconds=mean(next_) if next_ else None,
            total_seconds=mean(total),
            requests_per_second=meter.counted("answered") / meter.seconds if meter.seconds else 0.0,
            concurrency=meter.mean("requests"),
            decoding=meter.mean("decoding") / replicas,
            **self._busy(),
            kv_share=meter.mean(f"{DECODE} kv") / replicas / self._kv_room,
        )

    def _busy(self) -> dict[str, float]:
        decode = self.meter.mean(f"{DECODE} busy") / len(self.decoders)
        prefill = self.meter.mean(f"{PREFILL} busy") / len(self.readers)
        reading = self.meter.mean("reading") / len(self.readers)
        return busy_shares(self.server, prefill=prefill, decode=decode, extra=reading)

    @property
    def _kv_room(self) -> float:
        return self.server.decode_engine.kv_room_bytes


def even_ranks(random_: random.Random, count: int) -> Iterator[float]:
    """Numbers from 0 to 1 without end, in random order: of each `count`, one from each of as many equal parts."""
    while True:
        parts = list(range(count))
        random_.shuffle(parts)
        yield from ((part + random_.random()) / count for part in parts)
