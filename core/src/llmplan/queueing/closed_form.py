"""A loaded server in closed form.

Decoding is processor sharing: n sequences each make a step every t(n) seconds, and the time that prompts take is lost
to all of them. Of such a queue the number of sequences does not depend on the distribution of lengths, only on their
mean: pi(n) / pi(n - 1) = lambda S t(n) / (n (1 - lambda extra)) (Cohen 1979, Acta Informatica 12).
Prompts are read one after another, before the next step of what decodes: a queue with priority, in which they wait for
the step in progress and for the prompts before them (Pollaczek-Khinchine; Cobham 1954, doi:10.1287/opre.2.1.70).
"""

from __future__ import annotations

import math

from attrs import frozen

from llmplan.estimate import Means
from llmplan.queueing.capacity import highest_rate, prefill_rate
from llmplan.queueing.prefill import PrefillTimes, mean_times
from llmplan.queueing.server import Server

_LEAST = 1e-9
"""Of a share that has to be above 0."""


@frozen(kw_only=True)
class Decoding:
    """The number of sequences on a replica that decodes, over time."""

    decoding: float
    """On average."""
    waiting: float
    """On average, for room."""
    idle: float
    """Share of the time in which there are none."""
    residual_seconds: float
    """What is left of the step in progress, as who comes finds it."""
    times: PrefillTimes
    """Of a prompt, where it comes."""


def open_means(server: Server, rate: float) -> Means | None:
    """At a rate of requests in a Poisson process; None where it is more than the capacity.

    A prompt delays the answer before it only where it has room beside it: never where one sequence has, and hardly
    less than always where many have, 1 - busy^(n - 1).
    """
    if rate >= highest_rate(server):
        return None
    decode_rate = rate / server.decode_replicas
    decoding = decoding_at(server, decode_rate)
    left = 0.0 if server.separate else decoding.residual_seconds
    prompts = rate / server.prefill_replicas
    extra = decoding.times.at(prompts, 2.0 * left).extra
    delayed = 0.0 if server.separate or not server.work.steps else extra
    first = first_token(decoding.times, prompts, left, 2.0 * left, delayed)
    queueing, reading = first.queueing_seconds, first.reading_seconds
    for_room = decoding.waiting / decode_rate
    behind = first.behind_seconds * (1.0 - first.busy ** (server.most_sequences - 1))
    answering = decoding.decoding / decode_rate + behind + server.transfer_seconds
    if server.separate:
        answering += for_room
    else:
        queueing += for_room
    tokens = server.work.output_tokens - 1.0
    return Means(
        queueing_seconds=queueing,
        first_token_seconds=queueing + reading,
        next_token_seconds=answering / tokens if tokens else None,
        total_seconds=queueing + reading + answering,
        requests_per_second=rate,
        concurrency=rate * (queueing + reading + answering),
        decoding=decode_rate * (answering - server.transfer_seconds - (for_room if server.separate else 0.0)),
        **busy_shares(server, prefill=first.busy, decode=1.0 - decoding.idle, extra=decode_rate * extra),
        kv_share=kv_share(server, decode_rate, decode_rate * answering, reading),
    )


@frozen(kw_only=True)
class FirstToken:
    """Of a prompt, in seconds, and how busy prompts keep a replica."""

    queueing_seconds: float
    reading_seconds: float
    behind_seconds: float
    """By which prompts that wait when it is read delay its answer, where they are read on the same replica."""
    busy: float


def first_token(times: PrefillTimes, rate: float, left: float, whole: float, extra: float) -> FirstToken:
    """With `left` of the step in progress, `whole` from its start, where nothing but decoding is in it.

    One by one, W = R + lambda E[X^2] / (2 (1 - rho)), with R = `left` and rho that of full passes. But who comes during
    the same step shares the next one, as far as it has room: W = (1 - u) R + lambda m E[X^2] / 2, m in a pass, and as
    many others as come in such a step, lambda times its length, make reading longer. Who leaves a queue leaves as many
    behind as are in it on average.
    """
    reading = times.at(rate, whole)
    square = times.square * (reading.seconds / times.seconds) ** 2
    in_progress = rate * reading.prompts * square / 2.0
    alone = left + rate * square / 2.0 / max(_LEAST, 1.0 - rate * times.packed_seconds)
    together = (1.0 - reading.busy) * left + in_progress
    others = rate * ((1.0 - reading.busy) * whole + 2.0 * in_progress)
    shared = (1.0 - reading.full) * times.sharing
    behind = (1.0 - shared) * rate * (alone - left + reading.seconds)
    return FirstToken(
        queueing_seconds=shared * together + (1.0 - shared) * alone,
        reading_seconds=times.seconds + times.sharing * times.another * others,
        behind_seconds=behind * extra / max(_LEAST, 1.0 - rate * extra),
        busy=reading.busy,
    )


def decoding_at(server: Server, rate: float) -> Decoding:
    """The stationary distribution of the number of sequences, at a rate of requests of one replica."""
    if not server.work.steps:
        times = server.prefill.times(0.0)
        return Decoding(decoding=0.0, waiting=0.0, idle=1.0, residual_seconds=0.0, times=times)
    numbers = range(1, server.most_sequences + 1)
    ratios = [_ratio(server, rate, n) for n in numbers]
    weights = _products(ratios)
    tail = min(ratios[-1], 1.0 - _LEAST)
    beyond = weights[-1] * tail / (1.0 - tail)
    queued = beyond / (1.0 - tail)
    whole = sum(weights) + beyond
    weights[-1] += beyond
    steps = [0.0, *(server.decode_seconds(n) for n in numbers)]
    shares = [weight / whole for weight in weights]
    return Decoding(
        decoding=sum(n * share for n, share in enumerate(shares)),
        waiting=queued / whole,
        idle=shares[0],
        residual_seconds=sum(step * share for step, share in zip(steps, shares, strict=True)) / 2.0,
        times=mean_times([server.prefill.times(n) for n in (0, *numbers)], shares),
    )


def _ratio(server: Server, rate: float, sequences: int) -> float:
    """pi(n) / pi(n - 1) = lambda S t(n) / (n (1 - lambda extra)); no more prompts come than can be read."""
    step = server.work.steps * server.decode_seconds(sequences) / sequences
    if server.separate:
        return rate * step
    coming = min(rate, prefill_rate(server, sequences))
    return coming * step / max(_LEAST, 1.0 - coming * _extra(server, coming, sequences))


def _extra(server: Server, rate: float, sequences: float) -> float:
    """What a prompt adds beside so many sequences."""
    step = server.decode_seconds(sequences) if sequences else 0.0
    return server.prefill.times(sequences).at(rate, step).extra


def _products(ratios: list[float]) -> list[float]:
    """1, r1, r1 r2, …, scaled so that the largest is 1."""
    logs = [0.0]
    for ratio in ratios:
        logs.append(logs[-1] + math.log(ratio))
    largest = max(logs)
    return [math.exp(log - largest) for log in logs]


def kv_share(server: Server, rate: float, decoding: float, prefill_seconds: float) -> float:
    """Of the room: caches of what decodes, and of prompts that are being read there, set aside in full."""
    reading = 0.0 if server.separate else rate * prefill_seconds
    return min(1.0, (decoding + reading) * server.mean_kv_bytes / server.decode_engine.kv_room_bytes)


def busy_shares(server: Server, *, prefill: float, decode: float, extra: float) -> dict[str, float]:
    """Of the time GPUs work; and of that, what prompts take."""
    pool = server.plan.prefill_pool
    if pool is None:
        busy = decode + (1.0 - decode) * prefill
        return {"busy_share": busy, "prefill_share": min(1.0, extra / busy) if busy else 0.0}
    share = float(pool.layout.gpus) / server.plan.gpus
    return {"busy_share": share * prefill + (1.0 - share) * decode, "prefill_share": share}
