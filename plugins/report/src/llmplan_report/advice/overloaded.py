"""What to say of a server that is asked for more than it can answer."""

from llmplan.estimate import ServerEstimate
from llmplan.estimate.server import SAFE_LOAD
from llmplan.output.words import digits


def overloaded(estimate: ServerEstimate, gpus: int | None = None) -> str:
    """The rate that comes, the most that is answered, and what would serve it; with GPUs, where they are given."""
    capacity, plan, pool = estimate.capacity, estimate.plan, estimate.server.prefill_pool
    most = 0.0 if capacity is None else capacity.requests_per_second
    have = f"dp {plan.layout.dp}" + ("" if pool is None else f" with {pool.layout.dp} prefill replicas")
    return (
        f"overloaded: {digits(estimate.offered_rate or 0.0)} requests/s come, {digits(most)} requests/s is the most "
        f"that {have} can answer; {enough(estimate, gpus).replace(' --prefill', ' with --prefill')} would serve them "
        f"at {SAFE_LOAD:.0%} of capacity, and these --rate {digits(SAFE_LOAD * most / estimate.server.workload.peak)}/s"
    )


def enough(estimate: ServerEstimate, gpus: int | None = None) -> str:
    """The options with which the server would answer all that comes."""
    layout, needed = estimate.plan.layout, estimate.replicas_needed
    replicas = f"--dp {needed}"
    if gpus is not None and needed is not None:
        replicas = f"--gpus {int(layout.tp * layout.pp) * needed} {replicas}"
    if estimate.server.prefill_pool is not None:
        replicas += f" --prefill-replicas {estimate.prefill_replicas_needed}"
    return replicas
