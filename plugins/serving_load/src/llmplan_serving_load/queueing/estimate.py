"""From a server's plan to what it does: closed form and simulation, side by side."""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve

from llmplan.estimate import Capacity, InferenceEstimate, Means, ServerEstimate, Simulated
from llmplan.records import InferencePlan
from llmplan_serving_load.queueing.closed_form import open_means
from llmplan_serving_load.queueing.known import Known
from llmplan_serving_load.queueing.ranges import spreads_of
from llmplan_serving_load.queueing.server import Server

BatchPricer = Callable[[InferencePlan], InferenceEstimate]


def estimate_server(known: Known, batches: BatchPricer) -> ServerEstimate:
    """`batches` prices a batch of its plan, by the same cost model as its steps."""
    server = known.server
    estimate = closed_estimate(server, batches, known=known)
    if not estimate.feasible or estimate.capacity is None or not server.plan.workload.requests:
        return estimate
    return evolve(estimate, simulated=within(estimate.capacity, known.simulated(estimate.closed_form)))


def within(capacity: Capacity, simulated: Simulated) -> Simulated:
    """What is counted over few requests may be a lucky stretch; no server answers more than its capacity for long."""
    most = min(simulated.means.requests_per_second, capacity.requests_per_second)
    return evolve(simulated, means=evolve(simulated.means, requests_per_second=most))


def closed_estimate(
    server: Server, batches: BatchPricer, closed: Means | None = None, known: Known | None = None
) -> ServerEstimate:
    """The same without a simulation; `closed` where the closed form is known, and `known` what else is of it."""
    plan, fits, known = server.plan, server.fits, known or Known(server)
    most = known.capacity if fits else None
    closed = closed or (closed_form(server, known) if fits else None)
    decoding = closed.decoding if closed is not None else 1.0 if most is None else most.decoding
    prefill = known.prompt(_batch(server, plan.prefill_pool or plan.plan, 1), batches)
    decode = batches(_batch(server, plan.plan, decoding))
    return ServerEstimate(
        server=plan,
        prefill=prefill,
        decode=decode,
        spreads=None if closed is None else spreads_of(server, closed, prefill, decode),
        fixed_memory=server.fixed_memory,
        kv_bytes=server.longest_kv_bytes,
        prefill_memory=server.prefill_memory,
        mean_lengths=(server.work.prompt_tokens, server.work.output_tokens),
        capacity=most,
        closed_form=closed,
        simulated=None,
    )


def closed_form(server: Server, known: Known | None = None) -> Means | None:
    """At the rate of a trace too, as if its requests came at random."""
    workload, known = server.plan.workload, known or Known(server)
    if workload.concurrency is not None:
        return known.loop.means(workload.concurrency)
    rate = workload.offered_rate
    return None if rate is None else open_means(server, rate, known.peak.rate)


def _batch(server: Server, plan: InferencePlan, sequences: float) -> InferencePlan:
    """Sequences of mean length on each stage of a replica."""
    work = server.work
    return evolve(
        plan,
        batch=max(1, round(sequences / int(plan.layout.pp))),
        prompt_tokens=max(1, round(work.prompt_tokens)),
        output_tokens=max(1, round(work.output_tokens)),
    )
