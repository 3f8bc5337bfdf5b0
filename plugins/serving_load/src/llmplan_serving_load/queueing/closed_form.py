"""A loaded server in closed form.

Decoding is processor sharing: n sequences each make a step every t(n) seconds, and the time that prompts take is lost
to all of them. Of such a queue the number of sequences does not depend on the distribution of lengths, only on their
mean: pi(n) / pi(n - 1) = lambda S t(n) / (n (1 - lambda extra)) (Cohen 1979, Acta Informatica 12).
Prompts are read one after another, before the next step of what decodes: a queue with priority, in which they wait for
the step in progress and for the prompts before them (Pollaczek-Khinchine; Cobham 1954, doi:10.1287/opre.2.1.70).
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from llmplan.arrays.quantities import Number, exp, expm1, log, maximum, minimum, power, total, where
from llmplan.estimate import Means
from llmplan_serving_load.queueing.capacity import peak, prefill_rate
from llmplan_serving_load.queueing.prefill import PrefillTimes, mean_times, values_of
from llmplan_serving_load.queueing.server import Server

_LEAST = 1e-9
"""Of a share that has to be above 0."""


@frozen(kw_only=True)
class Decoding:
    """The number of sequences on a replica that decodes, over time."""

    decoding: Number
    """On average."""
    waiting: Number
    """On average, for room."""
    idle: Number
    """Share of the time in which there are none."""
    residual_seconds: Number
    """What is left of the step in progress, as who comes finds it."""
    times: PrefillTimes
    """Of a prompt, where it comes."""


def open_means(server: Server, rate: float, most: Number | None = None) -> Means | None:
    """At a rate of requests in a Poisson process; None where it is more than the capacity, `most` where it is known."""
    return None if rate >= (peak(server).rate if most is None else most) else means_at(server, rate)


def means_at(server: Server, rate: Number) -> Means:
    """At a rate that is below the capacity, of one server or of many side by side.

    A prompt delays the answer before it only where it has room beside it: never where one sequence has, and hardly
    less than always where many have, 1 - busy^(n - 1).
    """
    decode_rate = rate / server.decode_replicas
    decoding = decoding_at(server, decode_rate)
    left = 0.0 if server.separate else decoding.residual_seconds
    prompts = rate / server.prefill_replicas
    extra = decoding.times.at(prompts, 2.0 * left).extra
    delayed = 0.0 if server.separate or not server.work.steps else extra
    first = first_token(decoding.times, prompts, left, 2.0 * left, delayed)
    queueing, reading = first.queueing_seconds, first.reading_seconds
    for_room = decoding.waiting / decode_rate
    beside = 1.0 - power(first.busy, server.most_sequences - 1.0)
    behind = (first.behind_seconds + in_step_seconds(server, decode_rate, decoding)) * beside
    writing = decoding.decoding / decode_rate + behind
    answering = writing + server.transfer_seconds
    if server.separate:
        answering = answering + for_room
    else:
        queueing = queueing + for_room
    tokens = server.work.output_tokens - 1.0
    return Means(
        queueing_seconds=queueing,
        first_token_seconds=queueing + reading,
        next_token_seconds=answering / tokens if tokens else None,
        total_seconds=queueing + reading + answering,
        requests_per_second=rate,
        concurrency=rate * (queueing + reading + answering),
        decoding=decode_rate * writing,
        **busy_shares(server, prefill=first.busy, decode=1.0 - decoding.idle, extra=decode_rate * extra),
        kv_share=kv_share(server, decode_rate, decode_rate * writing, reading),
    )


@frozen(kw_only=True)
class FirstToken:
    """Of a prompt, in seconds, and how busy prompts keep a replica."""

    queueing_seconds: Number
    reading_seconds: Number
    behind_seconds: Number
    """By which prompts that wait when it is read delay its answer, where they are read on the same replica."""
    busy: Number


def first_token(times: PrefillTimes, rate: Number, left: Number, whole: Number, extra: Number) -> FirstToken:
    """With `left` of the step in progress, `whole` from its start, where nothing but decoding is in it.

    One by one, W = R + lambda E[X^2] / (2 (1 - rho)), with R = `left` and rho that of full passes. But who comes during
    the same step shares the next one, as far as it has room: W = (1 - u) R + lambda m E[X^2] / 2, m in a pass, and as
    many others as come in such a step, lambda times its length, make reading longer. Who leaves a queue leaves as many
    behind as are in it on average.
    """
    reading = times.at(rate, whole)
    longer = reading.seconds / times.seconds
    square = times.square * longer * longer
    in_progress = rate * reading.prompts * square / 2.0
    alone = left + rate * square / 2.0 / maximum(_LEAST, 1.0 - rate * times.packed_seconds)
    together = (1.0 - reading.busy) * left + in_progress
    others = rate * ((1.0 - reading.busy) * whole + 2.0 * in_progress)
    shared = (1.0 - reading.full) * times.sharing
    behind = (1.0 - shared) * rate * (alone - left + reading.seconds)
    return FirstToken(
        queueing_seconds=shared * together + (1.0 - shared) * alone,
        reading_seconds=times.seconds + times.sharing * times.others(1.0 + others),
        behind_seconds=behind * extra / maximum(_LEAST, 1.0 - rate * extra),
        busy=reading.busy,
    )


def in_step_seconds(server: Server, rate: Number, decoding: Decoding) -> Number:
    """What an answer takes longer because who comes while its prompt is read is read next, and decodes in step with it.

    A step that reads prompts, longer by e, follows one that does with probability q_T = 1 - exp(-lambda T), and one of
    length t that does not with q_t: in the long run a share p = q_t / (1 - r) of steps, r = q_T - q_t. An answer of S
    steps begins behind one, which adds e (1 - p) r (1 - r^S) / (1 - r). In each of them lambda e (1 - p) r^k more come
    than on average, who share S - 1 - k of its steps, as it shares theirs, and make each longer by t(n + 1) - t(n).
    """
    if server.separate or not server.work.steps:
        return 0.0
    busy = maximum(_LEAST, 1.0 - decoding.idle)
    step, sequences = 2.0 * decoding.residual_seconds / busy, maximum(1.0, decoding.decoding / busy)
    steps, times = server.work.steps, server.prefill.times(sequences)
    reading = times.at(rate, step)
    others = times.others(reading.prompts)
    longer = times.extra + others
    after, before = -expm1(-rate * (times.seconds + others)), -expm1(-rate * step)
    again = after - before
    other = 1.0 - again
    share = before / other
    whole = (1.0 - power(again, steps)) / other
    shared = (steps - whole) / other
    slope = server.decode_seconds(sequences + 1.0) - server.decode_seconds(sequences)
    added = longer * (1.0 - share) * (again * whole + 2.0 * rate * shared * slope)
    return (1.0 - reading.full) * times.sharing * added


def decoding_at(server: Server, rate: Number) -> Decoding:
    """The stationary distribution of the number of sequences, at a rate of requests of one replica."""
    if not server.work.steps:
        times = server.prefill.times(0.0)
        return Decoding(decoding=0.0, waiting=0.0, idle=1.0, residual_seconds=0.0, times=times)
    most = server.most_sequences
    numbers = [float(n) for n in range(1, int(server.largest(most)) + 1)]
    found = server.each(numbers, lambda n: (_ratio(server, rate, n), server.decode_seconds(n)))
    weights = _products(numbers, [ratio for ratio, _ in found], most)
    last, at_most = _last(numbers, [ratio for ratio, _ in found], most), _last(numbers, weights[1:], most)
    tail = minimum(last, 1.0 - _LEAST)
    beyond = at_most * tail / (1.0 - tail)
    queued = beyond / (1.0 - tail)
    whole = total(weights) + beyond
    shares = [
        (weight + where(n == most, beyond, 0.0)) / whole for n, weight in zip((0.0, *numbers), weights, strict=True)
    ]
    return Decoding(
        decoding=total(n * share for n, share in zip(numbers, shares[1:], strict=True)),
        waiting=queued / whole,
        idle=shares[0],
        residual_seconds=total(step * share for (_, step), share in zip(found, shares[1:], strict=True)) / 2.0,
        times=_mean_times(server, [0.0, *numbers], shares),
    )


def _mean_times(server: Server, numbers: Sequence[float], shares: Sequence[Number]) -> PrefillTimes:
    """Of a prompt, beside each number of sequences for its share of the time."""
    return mean_times(server.each(numbers, lambda n: values_of(server.prefill.times(n))), shares)


def _ratio(server: Server, rate: Number, sequences: Number) -> Number:
    """pi(n) / pi(n - 1) = lambda S t(n) / (n (1 - lambda extra)); no more prompts come than can be read."""
    seconds = server.decode_seconds(sequences)
    step = server.work.steps * seconds / sequences
    if server.separate:
        return rate * step
    coming = minimum(rate, prefill_rate(server, sequences))
    extra = server.prefill.times(sequences).at(coming, seconds).extra
    return coming * step / maximum(_LEAST, 1.0 - coming * extra)


def _products(numbers: Sequence[float], ratios: Sequence[Number], most: Number) -> list[Number]:
    """1, r1, r1 r2, … up to the most sequences, scaled so that the largest is 1; 0 beyond."""
    logs: list[Number] = [0.0 * ratios[0]]
    largest = logs[0]
    for number, ratio in zip(numbers, ratios, strict=True):
        logs.append(logs[-1] + log(ratio))
        largest = where(number <= most, maximum(largest, logs[-1]), largest)
    inside = [1.0 * (number <= most) for number in (0.0, *numbers)]
    return [exp(minimum(each - largest, 0.0)) * counts for each, counts in zip(logs, inside, strict=True)]


def _last(numbers: Sequence[float], values: Sequence[Number], most: Number) -> Number:
    """The one at the most sequences."""
    return total(where(number == most, value, 0.0) for number, value in zip(numbers, values, strict=True))


def kv_share(server: Server, rate: Number, decoding: Number, prefill_seconds: Number) -> Number:
    """Of the room: caches of what decodes, and of prompts that are being read there, set aside in full."""
    reading = 0.0 if server.separate else rate * prefill_seconds
    return minimum(1.0, (decoding + reading) * server.mean_kv_bytes / server.decode_engine.kv_room_bytes)


def busy_shares(server: Server, *, prefill: Number, decode: Number, extra: Number) -> dict[str, Number]:
    """Of the time GPUs work; and of that, what prompts take."""
    if not server.separate:
        busy = decode + (1.0 - decode) * prefill
        works = busy > 0
        return {"busy_share": busy, "prefill_share": where(works, minimum(1.0, extra / where(works, busy, 1.0)), 0.0)}
    share = server.prefill_gpu_share
    return {"busy_share": share * prefill + (1.0 - share) * decode, "prefill_share": share}
