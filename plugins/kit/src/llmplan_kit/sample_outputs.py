"""What reporters and exporters are asked to write: a server under its load, and what a search found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llmplan.estimate import Capacity, InferenceEstimate, Means, ServerEstimate, TrainingEstimate
from llmplan.records import Lengths, ServerPlan, Workload
from llmplan.request import InferRequest, TrainRequest
from llmplan.search.result import Counts, SearchResult


def sample_server(batch: InferenceEstimate) -> ServerEstimate:
    """One replica at half of what it can answer."""
    work = Workload(prompt=Lengths(32), output=Lengths(32), rate=5.0, requests=0)
    shares = {"decoding": 2.0, "kv_share": 0.1, "prefill_share": 0.3}
    return ServerEstimate(
        server=ServerPlan(plan=batch.plan, workload=work, step_tokens=512, chunked=True, max_sequences=8),
        prefill=batch,
        decode=batch,
        fixed_memory=batch.memory_breakdown,
        kv_bytes=1e6,
        mean_lengths=(32, 32),
        capacity=Capacity(requests_per_second=10.0, sequences=8, limit="steps", **shares),
        closed_form=Means(
            queueing_seconds=0.01,
            first_token_seconds=0.05,
            next_token_seconds=0.01,
            total_seconds=0.4,
            requests_per_second=5.0,
            concurrency=2.0,
            busy_share=0.5,
            **shares,
        ),
        simulated=None,
        request=_request(batch),
    )


def sample_search(estimates: Sequence[Any]) -> SearchResult:
    """All of them, the best first, out of some more that were passed over; of serving servers under their load."""
    training = isinstance(estimates[0], TrainingEstimate)
    best = tuple(one if training else sample_server(one) for one in estimates)
    return SearchResult(
        objective="time" if training else "throughput",
        space={"tp": (1, 2)},
        constraints={},
        best=best,
        requests=tuple(map(_request, estimates)),
        pareto_of=() if training else ("throughput", "tpot"),
        pareto=() if training else (_point(best[0]),),
        why=(),
        counts=Counts(
            legal=5, pruned=2, priced=3, infeasible=0, illegal_by={}, pruned_by={"memory": 2}, infeasible_by={}
        ),
        seconds=0.1,
        command="train" if training else "infer",
    )


def _point(server: Any) -> dict[str, Any]:
    """Of a frontier, as columns and JSON have it."""
    plan, load = server.plan, server.server
    words = {"model": plan.model.name, "gpu": plan.hardware.name, "dtype": plan.dtype.name, "engine": plan.engine.name}
    sizes = {name: getattr(plan.layout, name) for name in ("gpus", "tp", "pp", "ep", "dp")}
    steps = {"step_tokens": load.step_tokens, "max_sequences": load.max_sequences, "chunked_prefill": load.chunked}
    more = {"prefill_gpus": 0, "kv_bits": plan.kv_bits, "speculative_tokens": 0, "draft_model": "none"}
    latencies = ("first_token_seconds", "next_token_seconds", "total_seconds")
    figures = (*latencies, "requests_per_second", "tokens_per_second_per_gpu")
    found = {name: getattr(server, name) for name in figures}
    said = {"concurrency": 2.0, "cost_per_million_tokens": None, "feasible": True, "extrapolated": False}
    return {**words, **sizes, **more, **steps, **found, **said}


def _request(estimate: Any) -> TrainRequest | InferRequest:
    plan = estimate.plan
    chosen = {"model": plan.model, "gpu": plan.hardware, "dtype": plan.dtype}
    sizes = {name: getattr(plan.layout, name) for name in ("tp", "pp", "dp")}
    if isinstance(estimate, TrainingEstimate):
        return TrainRequest(**chosen, **sizes)
    return InferRequest(**chosen, **sizes, prompt_tokens=32, output_tokens=32, rate=5.0, requests=0)
