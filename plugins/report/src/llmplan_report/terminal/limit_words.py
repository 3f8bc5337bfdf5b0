"""What keeps a server from answering more, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmplan_report.words import percent

if TYPE_CHECKING:
    from llmplan.estimate import Capacity, ServerEstimate

_MOSTLY = 0.5


def limit_words(estimate: ServerEstimate, capacity: Capacity) -> str:
    """What is in the way of a higher rate, and what would clear it."""
    if capacity.limit == "kv":
        return "room for caches: fewer --kv-bits or bits of weights, more --tp, GPUs with more memory"
    if capacity.limit == "max-sequences":
        return f"--max-sequences {estimate.server.max_sequences}: a larger one, where the cache has room"
    if capacity.limit == "prefill-pool":
        return "prefill: more --prefill-replicas, --prefill-tp or a prefix cache"
    if capacity.limit == "decode-pool":
        return "decoding: more replicas (--dp), more --tp or fewer bits"
    if capacity.prefill_share > _MOSTLY:
        share = percent(capacity.prefill_share)
        return f"steps, {share} of them for prompts: more --dp or --tp, fewer bits, a prefix cache, --prefill-replicas"
    return "steps, most of them for decoding: more --dp or --tp, fewer bits"
