"""The most requests that a server can answer for long, and what stands in the way of more."""

from __future__ import annotations

import math
from collections.abc import Iterator

from attrs import frozen

from llmplan.estimate import Capacity
from llmplan.queueing.server import Server

_WORTHWHILE = 1.05
"""Gain of twice the sequences, from which on their number is what limits."""
PREFILL_POOL = "prefill-pool"
_STEP = 1.05
"""Between numbers of sequences that are tried."""


@frozen
class _Found:
    rate: float
    sequences: float
    by_prefill: bool


def capacity(server: Server) -> Capacity:
    """The largest rate over all numbers of sequences that fit."""
    most = server.most_sequences
    found = _best(server, most)
    extra = extra_at_capacity(server, found.sequences)
    pool = server.plan.prefill_pool
    reading = found.rate / server.decode_replicas * extra
    return Capacity(
        requests_per_second=found.rate,
        sequences=most,
        limit=_limit(server, found),
        decoding=found.sequences,
        kv_share=min(1.0, found.sequences * server.mean_kv_bytes / server.decode_engine.kv_room_bytes),
        prefill_share=min(1.0, reading) if pool is None else float(pool.layout.gpus) / server.plan.gpus,
    )


def highest_rate(server: Server) -> float:
    """Requests a second, of all replicas: that of the capacity."""
    return _best(server, server.most_sequences).rate


def decode_rate(server: Server, sequences: float) -> float:
    """Requests a second that leave a replica which decodes n: n / (S t(n) + n x what a prompt adds).

    Of each second rate x extra goes to prompts; in the rest n sequences make a step every t(n), and need S of them.
    In a step n / S of them leave, and as many prompts come in.
    """
    steps = server.work.steps
    if not steps:
        return math.inf
    extra = 0.0 if server.separate else extra_at_capacity(server, sequences)
    return sequences / (steps * server.decode_seconds(sequences) + sequences * extra)


def extra_at_capacity(server: Server, sequences: float) -> float:
    """What a prompt adds where there is always a next one."""
    steps, times = server.work.steps, server.prefill.times(sequences)
    return times.with_prompts(sequences / steps) if steps else times.packed_extra


def prefill_rate(server: Server, sequences: float) -> float:
    """Requests a second whose prompts a replica reads that does so without a pause."""
    return 1.0 / server.prefill.times(sequences).packed_seconds


def _best(server: Server, most: float) -> _Found:
    return max((_at(server, n) for n in _numbers(most)), key=lambda found: found.rate)


def _at(server: Server, sequences: float) -> _Found:
    prefill = server.prefill_replicas * prefill_rate(server, sequences)
    decode = server.decode_replicas * decode_rate(server, sequences)
    return _Found(min(prefill, decode), sequences, prefill < decode)


def _numbers(most: float) -> Iterator[float]:
    number = 1.0
    while number < most:
        yield number
        number = max(number + 1.0, number * _STEP)
    yield float(most)


def _limit(server: Server, found: _Found) -> str:
    """Sequences where twice as many would answer more, by cache or as allowed; else the passes themselves."""
    if server.separate and found.by_prefill:
        return PREFILL_POOL
    most = server.most_sequences
    if _best(server, 2.0 * most).rate > _WORTHWHILE * found.rate:
        return "kv" if server.sequences_that_fit < server.decode_engine.max_sequences else "max-sequences"
    return "decode-pool" if server.separate else "steps"
