"""A server with a fixed number of users, in closed form: mean value analysis.

Who comes finds the server as it is with one user less (Reiser and Lavenberg 1980, doi:10.1145/322186.322195): the means
follow one another from 1 user up. Replicas that read prompts and decode are servers each with users of its own.
"""

from __future__ import annotations

from typing import Any

from attrs import evolve, fields_dict, frozen

from llmplan.arrays.quantities import Number, ceil, exp, floor, log1p, maximum, minimum, sqrt, where
from llmplan.estimate import Means
from llmplan_serving_load.queueing.capacity import Peak, peak
from llmplan_serving_load.queueing.closed_form import busy_shares, first_token, kv_share
from llmplan_serving_load.queueing.prefill import PrefillTimes, mean_times, values_of
from llmplan_serving_load.queueing.server import Server
from llmplan_serving_load.queueing.side_by_side import side_by_side

_LEAST = 1e-12
"""Of a share that has to be above 0, or below 1."""


@frozen(kw_only=True)
class _Loop:
    """Means with some number of users, of whom every replica has an even share."""

    rate: Number = 0.0
    decoding: Number = 0.0
    """Sequences on a replica that decodes."""
    queueing_seconds: Number = 0.0
    first_token_seconds: Number = 0.0
    decode_seconds: Number = 0.0


class ClosedLoop:
    """Users of a server, each of whom asks again when the last answer is complete; as many as one likes, in any order.

    Replicas that do everything have users of their own, who are spread over them as evenly as they go. Of many servers
    side by side numbers of users are arrays whose last axis is the servers.
    """

    def __init__(self, server: Server, most: Peak | None = None) -> None:
        """`most` is where the server answers most, if that is known."""
        self._server = server if server.separate else evolve(server, prefill_replicas=1.0, decode_replicas=1.0)
        self._replicas: Number = 1.0 if server.separate else server.decode_replicas
        self._peak = peak(self._server) if most is None else evolve(most, rate=most.rate / self._replicas)
        self._loops = [_Loop()]
        """With 0, 1, 2, … of them, as far as was needed so far."""

    def room_of(self, servers: Any, replicas: Any) -> Any:
        """Users of each replica, or of all that are not alone, that work goes on for at once."""
        return self._server.most_sequences[servers] * replicas  # type: ignore[index]

    def means(self, users: Any, replicas: Number | None = None, servers: Any = None, decoding: Any = None) -> Means:
        """With so many users in all, of the server's replicas or so many like them.

        Of many servers `servers` are the numbers of those that are meant, and `decoding` their replicas that decode.
        """
        replicas = self._replicas if replicas is None else replicas
        server = self._server if servers is None else self._server.taken(servers, decoding)
        few = floor(users / replicas)
        more = users - few * replicas
        fuller = None if isinstance(more, (int, float)) and not more else self._of_one(server, few + 1.0, servers)
        return side_by_side([(replicas - more, self._of_one(server, few, servers)), (more, fuller)])

    def _of_one(self, server: Server, users: Any, servers: Any) -> Means | None:
        """Of one replica, or of all that are not alone; None of a number that is 0."""
        if isinstance(users, (int, float)) and not users:
            return None
        most = self._peak if servers is None else _taken(self._peak, servers)
        room = server.most_sequences * server.decode_replicas
        if server.separate:  # whose prompt is read or sent takes no room where others decode
            room = room + ceil(most.rate * (server.prefill.times(0.0).seconds + server.transfer_seconds))
        return _means(server, self._loop(minimum(users, room), servers), users, most)

    def _loop(self, inside: Any, servers: Any) -> _Loop:
        for number in range(len(self._loops), int(self._server.largest(inside)) + 1):
            more = _with(self._server, self._loops[-1], float(number))
            self._loops.append(_bounded(self._server, more, float(number), self._peak))
        many = self._server.many
        if many is None:
            return self._loops[int(inside)]
        import numpy as np

        at = inside.astype(int), np.arange(many) if servers is None else servers
        found = (np.stack([np.broadcast_to(getattr(loop, name), (many,)) for loop in self._loops]) for name in _FIELDS)
        return _Loop(**{name: of[at] for name, of in zip(_FIELDS, found, strict=True)})


_FIELDS = tuple(fields_dict(_Loop))


def _taken(most: Peak, servers: Any) -> Peak:
    """Of some of many servers."""
    values: list[Any] = [most.rate, most.sequences, most.by_prefill]
    return Peak(*(value[servers] for value in values))


def closed_means(server: Server, users: int) -> Means:
    """Of so many users in all."""
    return ClosedLoop(server).means(users)


def _means(server: Server, loop: _Loop, users: Number, most: Peak) -> Means:
    """With so many, of whom as many are inside as have room."""
    loop = _bounded(server, loop, users, most)
    tokens = server.work.output_tokens - 1.0
    return Means(
        queueing_seconds=loop.queueing_seconds,
        first_token_seconds=loop.first_token_seconds,
        next_token_seconds=loop.decode_seconds / tokens if tokens else None,
        total_seconds=loop.first_token_seconds + loop.decode_seconds,
        requests_per_second=loop.rate,
        concurrency=1.0 * users,
        decoding=loop.decoding,
        **_busy(server, loop, users),
        kv_share=kv_share(server, loop.rate, loop.decoding, loop.first_token_seconds - loop.queueing_seconds),
    )


def _bounded(server: Server, loop: _Loop, users: Number, most: Peak) -> _Loop:
    """No more than the capacity; who finds no room waits: for the first token, or for the pool that decodes."""
    above = loop.rate >= most.rate
    rate = where(above, most.rate, loop.rate)
    full = where(most.by_prefill, False, above) if server.separate else above
    each = where(rate > 0, rate, 1.0)
    decoding = loop.rate * (loop.decode_seconds - server.transfer_seconds)
    bounded = minimum(decoding, most.sequences * server.decode_replicas) / each + server.transfer_seconds
    decode_seconds = where(full, bounded, loop.decode_seconds)
    outside = maximum(0.0, users / each - loop.first_token_seconds - decode_seconds)
    behind: Number = where(most.by_prefill, 0.0, outside) if server.separate else 0.0
    before = outside - behind
    return evolve(
        loop,
        rate=rate,
        decoding=rate * (decode_seconds - server.transfer_seconds) / server.decode_replicas,
        queueing_seconds=loop.queueing_seconds + before,
        first_token_seconds=loop.first_token_seconds + before,
        decode_seconds=decode_seconds + behind,
    )


def _busy(server: Server, loop: _Loop, users: Number) -> dict[str, Number]:
    """Who has no pause leaves a replica that does everything none, if there is a user for each."""
    if not server.separate:
        found = loop.decoding * (users - 1.0) / maximum(users, 1.0)
        extra = loop.rate * _extra(server, loop, found, _times(server, found, users - 1.0))
        return busy_shares(server, prefill=0.0, decode=minimum(1.0, users), extra=extra)
    prefill = loop.rate / server.prefill_replicas * server.prefill.times(0.0).packed_seconds
    decode = _present(loop.decoding, users / server.decode_replicas)
    return busy_shares(server, prefill=minimum(1.0, prefill), decode=decode, extra=0.0)


def _with(server: Server, before: _Loop, users: float) -> _Loop:
    """One user more, who finds what is there of the others: with them no less is answered than without."""
    times = _times(server, before.decoding, users - 1.0)
    waiting, reading = _first_token(server, before, users, times)
    decode = server.work.steps * server.decode_seconds(1.0 + before.decoding)
    extra: Number = 0.0
    if not server.separate:
        extra = _extra(server, before, before.decoding, times) * (users - 1.0) / users
    reading = reading + server.transfer_seconds
    longer = maximum(0.0, users / _rate(users, waiting + reading, decode, extra) - users / maximum(_LEAST, before.rate))
    queueing = maximum(0.0, waiting - longer)
    elsewhere = queueing + reading
    rate = _rate(users, elsewhere, decode, extra)
    decoding_seconds = maximum(0.0, users / rate - elsewhere)
    return _Loop(
        rate=rate,
        queueing_seconds=queueing,
        first_token_seconds=elsewhere - server.transfer_seconds,
        decode_seconds=decoding_seconds + server.transfer_seconds,
    )


def _first_token(server: Server, before: _Loop, users: float, times: PrefillTimes) -> tuple[Number, Number]:
    """Seconds until the prompt is read from, and of reading.

    A request comes when an answer is complete, so where others decode their next step has just begun. It finds the
    prompt that is being read and those that wait, as many as with one user less. Users who ask alike keep their
    distance from one another for ever; where answers vary by more than that distance, requests come at random.
    """
    others = (users - 1.0) / server.decode_replicas
    step: Number = 0.0
    if not server.separate:
        step = _present(before.decoding, others) * server.decode_seconds(maximum(1.0, before.decoding))
    rate = before.rate / server.prefill_replicas
    random = first_token(times, rate, step, step, 0.0)
    in_progress = minimum(1.0, rate * times.seconds) * times.seconds
    found = step + in_progress + rate * before.queueing_seconds * times.packed_seconds
    part = minimum(1.0, sqrt(server.work.variation) * others)
    return (
        part * minimum(random.queueing_seconds, found) + (1.0 - part) * step,
        part * random.reading_seconds + (1.0 - part) * times.seconds,
    )


def _rate(users: float, elsewhere: Number, decode: Number, extra: Number) -> Number:
    """X of users = X (A + D / (1 - X e)): seconds elsewhere, of decoding, and that a prompt adds to it."""
    whole = elsewhere + decode + users * extra
    return 2.0 * users / (whole + sqrt(maximum(0.0, whole * whole - 4.0 * elsewhere * extra * users)))


def _times(server: Server, decoding: Number, others: Number) -> PrefillTimes:
    """Of a prompt: beside what `others` decode, or beside nothing."""
    beside = _present(decoding, others)
    times = [values_of(server.prefill.times(number)) for number in (maximum(1.0, decoding), 0.0 * decoding)]
    return mean_times(times, [beside, 1.0 - beside])


def _extra(server: Server, loop: _Loop, decoding: Number, times: PrefillTimes) -> Number:
    """What a prompt adds to that."""
    step = server.decode_seconds(maximum(1.0, decoding)) if server.work.steps else 0.0
    return times.at(loop.rate, step).extra


def _present(mean: Number, most: Number) -> Number:
    """The probability that there is one at all, of `most` that each are there as often as the mean says."""
    each = minimum(mean / maximum(most, _LEAST), 1.0 - _LEAST)
    return 1.0 - exp(most * log1p(-each))
