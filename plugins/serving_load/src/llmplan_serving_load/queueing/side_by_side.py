"""Replicas that have nothing to do with each other, taken together."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from llmplan.arrays.quantities import Number, total, where
from llmplan.estimate import Means

_LATENCIES = ("queueing_seconds", "first_token_seconds", "total_seconds")
_LEVELS = ("decoding", "busy_share", "kv_share")


def side_by_side(parts: Sequence[tuple[Number, Means | None]]) -> Means:
    """Of so many replicas each: rates add up, latencies are those of a request, levels those of a replica.

    None is replicas that have nothing to do. Numbers of replicas may be arrays, as may the means.
    """
    if all(isinstance(replicas, (int, float)) for replicas, _ in parts):
        parts = [(replicas, means) for replicas, means in parts if replicas]
    working = [(replicas, means) for replicas, means in parts if means is not None]
    rate = total(replicas * means.requests_per_second for replicas, means in working)
    inside = total(replicas * means.concurrency for replicas, means in working)
    if len(parts) == 1:
        return evolve(working[0][1], requests_per_second=rate, concurrency=inside)
    replicas_in_all = total(replicas for replicas, _ in parts)
    alone, first = parts[-1][0] == 0, working[0][1]  # where all replicas are alike, means are those of each

    def of_a_request(name: str) -> Number:
        whole = total(n * means.requests_per_second * getattr(means, name) for n, means in working)
        return where(alone, getattr(first, name), whole / rate)

    busy = total(replicas * means.busy_share for replicas, means in working)
    reading = total(replicas * means.busy_share * means.prefill_share for replicas, means in working)
    further = first.next_token_seconds
    levels = {
        name: where(
            alone,
            getattr(first, name),
            total(n * getattr(means, name) for n, means in working) / replicas_in_all,
        )
        for name in _LEVELS
    }
    return Means(
        **{name: of_a_request(name) for name in _LATENCIES},
        next_token_seconds=None if further is None else of_a_request("next_token_seconds"),
        requests_per_second=rate,
        concurrency=inside,
        **levels,
        prefill_share=where(alone, first.prefill_share, reading / busy),
    )
