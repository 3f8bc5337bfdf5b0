"""A server under load in the JSON contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from llmplan.estimate import ServerEstimate, Simulated
from llmplan.queueing.speculation import tokens_per_step
from llmplan.records import Lengths


def server_document(estimate: ServerEstimate) -> dict[str, Any]:
    """What is under ``server``: the load, the most that can be answered, closed form and simulation."""
    capacity, closed = estimate.capacity, estimate.closed_form
    return {
        "load": _load(estimate),
        "batching": _batching(estimate),
        "speculation": _speculation(estimate),
        "prefill_layout": _prefill_layout(estimate),
        "gpus": estimate.server.gpus,
        "requests_per_second": estimate.requests_per_second,
        "capacity": None if capacity is None else attrs.asdict(capacity),
        "share_of_capacity": estimate.load,
        "replicas_needed": estimate.replicas_needed,
        "prefill_replicas_needed": estimate.prefill_replicas_needed,
        "closed_form": None if closed is None else attrs.asdict(closed),
        "simulated": _simulated(estimate.simulated),
        "least_cost_per_million_tokens": estimate.least_cost_per_million_tokens,
    }


def _load(estimate: ServerEstimate) -> dict[str, Any]:
    load = estimate.server.workload
    drawn = not load.trace
    return {
        "rate": estimate.offered_rate,
        "concurrency": load.concurrency,
        "trace": load.trace_name or None,
        "prompt_lengths": _lengths(load.prompt) if drawn else None,
        "output_lengths": _lengths(load.output) if drawn else None,
        "mean_prompt_tokens": estimate.mean_lengths[0],
        "mean_output_tokens": estimate.mean_lengths[1],
        "seed": load.seed,
    }


def _lengths(lengths: Lengths) -> dict[str, Any]:
    return {"family": lengths.family.name, "mean": lengths.mean, "cv": lengths.cv if lengths.family.most_cv else None}


def _batching(estimate: ServerEstimate) -> dict[str, Any]:
    server = estimate.server
    return {
        "step_tokens": server.step_tokens,
        "chunked_prefill": server.chunked,
        "max_sequences": server.max_sequences,
        "prefix_hit_rate": server.prefix_hit_rate,
    }


def _speculation(estimate: ServerEstimate) -> dict[str, Any] | None:
    speculation = estimate.server.speculation
    if speculation is None:
        return None
    return {
        "draft_tokens": speculation.draft_tokens,
        "acceptance_rate": speculation.acceptance_rate,
        "draft_model": None if speculation.draft is None else speculation.draft.model.name,
        "tokens_per_step": tokens_per_step(speculation.acceptance_rate, speculation.draft_tokens),
    }


def _prefill_layout(estimate: ServerEstimate) -> dict[str, Any] | None:
    pool = estimate.server.prefill_pool
    return None if pool is None else {name: getattr(pool.layout, name) for name in ("gpus", "tp", "pp", "dp", "ep")}


def _simulated(simulated: Simulated | None) -> dict[str, Any] | None:
    if simulated is None:
        return None
    of: Mapping[str, Any] = attrs.asdict(simulated)
    return {**of, "means": attrs.asdict(simulated.means)}
