"""What a server does under a load: the most that it can, its means, what a simulation counted."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen


@frozen(kw_only=True, repr=False)
class Capacity:
    """The most that the server can do for long."""

    requests_per_second: float
    """Of all replicas: beyond it the queue grows without end."""
    sequences: int
    """That fit a replica at once, by cache and by the limit that is set."""
    limit: str
    """What would have to grow first: ``kv``, ``max-sequences``, ``steps``, ``prefill-pool``."""
    decoding: float
    """Sequences of one replica that decode then."""
    kv_share: float
    """Of the room for caches that they take."""
    prefill_share: float
    """Of the GPU time that prompts take then."""


@frozen(kw_only=True, repr=False)
class Means:
    """Of a loaded server in the long run; latencies in seconds."""

    queueing_seconds: float
    """Before a prompt is first worked on; part of the first token."""
    first_token_seconds: float
    next_token_seconds: float | None
    """None where answers are one token."""
    total_seconds: float
    requests_per_second: float
    concurrency: float
    """Requests that have come and are not answered."""
    decoding: float
    """Sequences of one replica that decode, on average over time."""
    busy_share: float
    """Of the time in which GPUs work."""
    prefill_share: float
    """Of that, what prompts add; all else is decoding."""
    kv_share: float
    """Of the room for caches, set aside for sequences that are worked on."""


@frozen(kw_only=True, repr=False)
class Simulated:
    """What a simulation of requests, one by one, has counted."""

    requests: int
    means: Means
    first_token: Mapping[str, float]
    """Percentiles, ``p50`` to ``p99``."""
    next_token: Mapping[str, float] | None
    total: Mapping[str, float]
    kv_peak_share: float
