"""What to say of a server that is asked for more than it can answer."""

from llmplan.estimate import ServerEstimate
from llmplan.estimate.server import SAFE_LOAD
from llmplan.output.words import digits


def overloaded(estimate: ServerEstimate, gpus: int | None = None) -> str:
    """The rate that comes, the most that is answered, and what would serve it; with GPUs, where they are given."""
    capacity, plan, pool = estimate.capacity, estimate.plan, estimate.server.prefill_pool
    most = 0.0 if capacity is None else capacity.requests_per_second
    replicas = f"--dp {estimate.replicas_needed}"
    have = f"dp {plan.layout.dp}"
    if gpus is not None and estimate.replicas_needed is not None:
        replicas = f"--gpus {int(plan.layout.tp * plan.layout.pp) * estimate.replicas_needed} {replicas}"
    if pool is not None:
        replicas += f" with --prefill-replicas {estimate.prefill_replicas_needed}"
        have += f" with {pool.layout.dp} prefill replicas"
    return (
        f"overloaded: {digits(estimate.offered_rate or 0.0)} requests/s come, {digits(most)} requests/s is the most "
        f"that {have} can answer; {replicas} would serve them at {SAFE_LOAD:.0%} of capacity, and these --rate "
        f"{digits(SAFE_LOAD * most)}/s"
    )
