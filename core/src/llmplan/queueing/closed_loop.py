"""A server with a fixed number of users, in closed form: mean value analysis.

Who comes finds the server as it is with one user less (Reiser and Lavenberg 1980, doi:10.1145/322186.322195): the means
follow one another from 1 user up. Replicas that read prompts and decode are servers each with users of its own.
"""

from __future__ import annotations

import math
from functools import cached_property

from attrs import evolve, frozen

from llmplan.estimate import Capacity, Means
from llmplan.queueing.capacity import PREFILL_POOL, capacity
from llmplan.queueing.closed_form import FirstToken, busy_shares, first_token, kv_share
from llmplan.queueing.prefill import PrefillTimes, mean_times
from llmplan.queueing.server import Server
from llmplan.queueing.side_by_side import side_by_side


@frozen(kw_only=True)
class _Loop:
    """Means with some number of users, of whom every replica has an even share."""

    rate: float = 0.0
    decoding: float = 0.0
    """Sequences on a replica that decodes."""
    queueing_seconds: float = 0.0
    first_token_seconds: float = 0.0
    decode_seconds: float = 0.0


class ClosedLoop:
    """Users of a server, each of whom asks again when the last answer is complete; as many as one likes, in any order.

    Replicas that do everything have users of their own, who are spread over them as evenly as they go.
    """

    def __init__(self, server: Server) -> None:
        alone = server.separate or server.decode_replicas == 1
        self._server = server if alone else evolve(server, prefill_replicas=1, decode_replicas=1)
        self._replicas = 1 if alone else server.decode_replicas
        self._loops = [_Loop()]
        """With 0, 1, 2, … of them, as far as was needed so far."""

    @cached_property
    def _capacity(self) -> Capacity:
        return capacity(self._server)

    def means(self, users: int) -> Means:
        """With so many in all."""
        few, more = divmod(users, self._replicas)
        fuller = self._of_one(few + 1) if more else None
        return side_by_side([(self._replicas - more, self._of_one(few) if few else None), (more, fuller)])

    def _of_one(self, users: int) -> Means:
        """Of one replica, or of all that are not alone."""
        inside = min(users, self._server.most_sequences * self._server.decode_replicas)
        for number in range(len(self._loops), inside + 1):
            self._loops.append(_with(self._server, self._loops[-1], number))
        return _means(self._server, self._loops[inside], users, self._capacity)


def closed_means(server: Server, users: int) -> Means:
    """Of so many users in all."""
    return ClosedLoop(server).means(users)


def _means(server: Server, loop: _Loop, users: int, most: Capacity) -> Means:
    """With so many, of whom as many are inside as have room."""
    loop = _bounded(server, loop, users, most)
    tokens = server.work.output_tokens - 1.0
    decode_rate = loop.rate / server.decode_replicas
    return Means(
        queueing_seconds=loop.queueing_seconds,
        first_token_seconds=loop.first_token_seconds,
        next_token_seconds=loop.decode_seconds / tokens if tokens else None,
        total_seconds=loop.first_token_seconds + loop.decode_seconds,
        requests_per_second=loop.rate,
        concurrency=float(users),
        decoding=loop.decoding,
        **_busy(server, loop, users),
        kv_share=kv_share(server, decode_rate, loop.decoding, loop.first_token_seconds - loop.queueing_seconds),
    )


def _bounded(server: Server, loop: _Loop, users: int, most: Capacity) -> _Loop:
    """No more than the capacity; who finds no room waits: for the first token, or for the pool that decodes."""
    rate, decode_seconds, decoding = loop.rate, loop.decode_seconds, loop.decoding
    if rate > most.requests_per_second:
        rate, decoding = most.requests_per_second, min(decoding, most.decoding)
        decode_seconds = decoding * server.decode_replicas / rate + server.transfer_seconds
    outside = max(0.0, users / rate - loop.first_token_seconds - decode_seconds)
    if server.separate and most.limit != PREFILL_POOL:
        return evolve(loop, rate=rate, decode_seconds=decode_seconds + outside, decoding=decoding)
    return evolve(
        loop,
        rate=rate,
        decoding=decoding,
        queueing_seconds=loop.queueing_seconds + outside,
        first_token_seconds=loop.first_token_seconds + outside,
        decode_seconds=decode_seconds,
    )


def _busy(server: Server, loop: _Loop, users: int) -> dict[str, float]:
    """Who has no pause leaves a replica that does everything none, if there is a user for each."""
    if not server.separate:
        busy = min(1.0, users / server.decode_replicas)
        found = loop.decoding * (users - 1.0) / users
        extra = loop.rate / server.decode_replicas * _extra(server, loop, found, users - 1.0)
        return busy_shares(server, prefill=0.0, decode=busy, extra=extra)
    prefill = loop.rate / server.prefill_replicas * server.prefill.times(0.0).packed_seconds
    decode = _present(loop.decoding, users / server.decode_replicas)
    return busy_shares(server, prefill=min(1.0, prefill), decode=decode, extra=0.0)


def _with(server: Server, before: _Loop, users: int) -> _Loop:
    """One user more, who finds what is there of the others."""
    first = _first_token(server, before, users)
    decode = server.work.steps * server.decode_seconds(1.0 + before.decoding)
    extra = 0.0
    if not server.separate:
        extra = _extra(server, before, before.decoding, users - 1.0) * (users - 1.0) / users / server.decode_replicas
    elsewhere = first.queueing_seconds + first.reading_seconds + server.transfer_seconds
    rate = _rate(users, elsewhere, decode, extra)
    decoding_seconds = max(0.0, users / rate - elsewhere)
    return _Loop(
        rate=rate,
        decoding=rate * decoding_seconds / server.decode_replicas,
        queueing_seconds=first.queueing_seconds,
        first_token_seconds=elsewhere - server.transfer_seconds,
        decode_seconds=decoding_seconds + server.transfer_seconds,
    )


def _first_token(server: Server, before: _Loop, users: int) -> FirstToken:
    """A request comes when an answer is complete, so where others decode their next step has just begun.

    Users who ask alike keep their distance from one another for ever; where answers vary by more than that distance,
    requests come at random.
    """
    others = (users - 1.0) / server.decode_replicas
    step = _present(before.decoding, others) * server.decode_seconds(max(1.0, before.decoding))
    step = 0.0 if server.separate else step
    times = _times(server, before.decoding, users - 1.0)
    random = first_token(times, before.rate / server.prefill_replicas, step, step, 0.0)
    queueing = min(random.queueing_seconds, others * times.packed_seconds + step)
    part = min(1.0, math.sqrt(server.work.variation) * others)
    return FirstToken(
        queueing_seconds=part * queueing + (1.0 - part) * step,
        reading_seconds=part * random.reading_seconds + (1.0 - part) * times.seconds,
        behind_seconds=0.0,
        busy=random.busy,
    )


def _rate(users: float, elsewhere: float, decode: float, extra: float) -> float:
    """X of users = X (A + D / (1 - X e)): seconds elsewhere, of decoding, and that a prompt adds to it."""
    whole = elsewhere + decode + users * extra
    return 2.0 * users / (whole + math.sqrt(max(0.0, whole**2 - 4.0 * elsewhere * extra * users)))


def _times(server: Server, decoding: float, others: float) -> PrefillTimes:
    """Of a prompt: beside what `others` decode, or beside nothing."""
    beside = _present(decoding, others / server.decode_replicas)
    return mean_times([server.prefill.times(max(1.0, decoding)), server.prefill.times(0.0)], [beside, 1.0 - beside])


def _extra(server: Server, loop: _Loop, decoding: float, others: float) -> float:
    """What a prompt adds to that."""
    step = server.decode_seconds(max(1.0, decoding)) if server.work.steps else 0.0
    return _times(server, decoding, others).at(loop.rate / server.prefill_replicas, step).extra


def _present(mean: float, most: float) -> float:
    """The probability that there is one at all, of `most` that each are there as often as the mean says."""
    if most <= 0:
        return 0.0
    return 1.0 - math.exp(most * math.log1p(-min(mean / most, 1.0 - 1e-12)))
