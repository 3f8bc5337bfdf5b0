"""The most requests that a server can answer for long, and what stands in the way of more.

All but `capacity` itself takes one server, or many side by side whose quantities are arrays.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from attrs import frozen

from llmplan.arrays.quantities import Number, Truth, minimum, where
from llmplan.estimate import Capacity
from llmplan_serving_load.queueing.server import Server

_WORTHWHILE = 1.05
"""Gain of twice the sequences, from which on their number is what limits."""
PREFILL_POOL = "prefill-pool"
_STEP = 1.05
"""Between numbers of sequences that are tried."""


@frozen(eq=False)
class Peak:
    """The number of sequences at which a server answers most."""

    rate: Number
    """Requests a second, of all replicas."""
    sequences: Number
    """That decode on each of them."""
    by_prefill: Truth
    """Whether prompts are what limits the rate."""


def capacity(server: Server, found: Peak | None = None) -> Capacity:
    """The largest rate over all numbers of sequences that fit."""
    found = found or peak(server)
    reading = found.rate / server.decode_replicas * extra_at_capacity(server, found.sequences)
    return Capacity(
        requests_per_second=found.rate,
        sequences=int(server.most_sequences),
        limit=_limit(server, found),
        decoding=found.sequences,
        kv_share=min(1.0, found.sequences * server.mean_kv_bytes / server.decode_engine.kv_room_bytes),
        prefill_share=server.prefill_gpu_share if server.separate else min(1.0, reading),
    )


def peak(server: Server, most: Number | None = None, least: float = 1.0) -> Peak:
    """Where a server answers most, with `least` to `most` sequences, or up to as many as fit."""
    most = server.most_sequences if most is None else most
    numbers = list(_numbers(least, server.largest(most)))
    first, *others = server.each(numbers, lambda n: _at(server, minimum(n, most)))
    best = Peak(*first)
    for rate, sequences, by_prefill in others:
        more = rate > best.rate
        best = Peak(
            where(more, rate, best.rate),
            where(more, sequences, best.sequences),
            where(more, by_prefill, best.by_prefill),
        )
    return best


def decode_rate(server: Server, sequences: Number) -> Number:
    """Requests a second that leave a replica which decodes n: n / (S t(n) + n x what a prompt adds).

    Of each second rate x extra goes to prompts; in the rest n sequences make a step every t(n), and need S of them.
    In a step n / S of them leave, and as many prompts come in.
    """
    steps = server.work.steps
    if not steps:
        return math.inf
    extra = 0.0 if server.separate else extra_at_capacity(server, sequences)
    return sequences / (steps * server.decode_seconds(sequences) + sequences * extra)


def extra_at_capacity(server: Server, sequences: Number) -> Number:
    """What a prompt adds where there is always a next one."""
    steps, times = server.work.steps, server.prefill.times(sequences)
    return times.with_prompts(sequences / steps) if steps else times.packed_extra


def prefill_rate(server: Server, sequences: Number) -> Number:
    """Requests a second whose prompts a replica reads that does so without a pause."""
    return 1.0 / server.prefill.times(sequences).packed_seconds


def _at(server: Server, sequences: Number) -> tuple[Number, Number, Truth]:
    prefill = server.prefill_replicas * prefill_rate(server, sequences)
    decode = server.decode_replicas * decode_rate(server, sequences)
    return minimum(prefill, decode), sequences, prefill < decode


def _numbers(least: float, most: float) -> Iterator[float]:
    number = least
    while number < most:
        yield number
        number = max(number + 1.0, number * _STEP)
    yield float(most)


def _limit(server: Server, found: Peak) -> str:
    """Sequences where twice as many would answer more, by cache or as allowed; else the passes themselves."""
    if server.separate and found.by_prefill:
        return PREFILL_POOL
    most = float(server.most_sequences)
    if peak(server, 2.0 * most, most).rate > _WORTHWHILE * found.rate:
        return "kv" if server.sequences_that_fit < server.decode_engine.max_sequences else "max-sequences"
    return "decode-pool" if server.separate else "steps"
