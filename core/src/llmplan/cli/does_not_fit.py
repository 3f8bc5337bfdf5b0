"""What is said of a plan that does not fit, or of a server that cannot answer what comes: what would do."""

from __future__ import annotations

from llmplan.cli.estimate import DOES_NOT_FIT
from llmplan.cli.said import say
from llmplan.estimate import Estimate, InferenceEstimate, ServerEstimate, TrainingEstimate
from llmplan.output.words import gib
from llmplan.records import Recompute
from llmplan.request import InferRequest, PlanRequest

_MOST_ZERO = 3


def say_why_not(estimate: Estimate, request: PlanRequest) -> int:
    """One line, and the exit code."""
    if isinstance(estimate, ServerEstimate) and estimate.overloaded:
        from llmplan.cli.overloaded import overloaded

        say(f"llmplan: {overloaded(estimate, request.gpus)}")
        return DOES_NOT_FIT
    return _say_it_does_not_fit(estimate, request)


def _say_it_does_not_fit(estimate: Estimate, request: PlanRequest) -> int:
    used, capacity = estimate.memory_bytes_per_gpu, estimate.memory_capacity_bytes
    parts = sorted(estimate.memory_breakdown.items(), key=lambda part: -part[1])
    listed = ", ".join(f"{name} {size:,.0f} ({gib(size)})" for name, size in parts)
    pool = estimate.fullest_pool if isinstance(estimate, ServerEstimate) else None
    where = f"the {pool} pool needs " if pool else ""
    say(
        f"llmplan: does not fit: {where}{used - capacity:,.0f} bytes ({gib(used - capacity)}) more than the "
        f"{gib(capacity)} of {estimate.plan.hardware.name}; {listed}{_way_out(estimate, request)}"
    )
    return DOES_NOT_FIT


def _way_out(estimate: Estimate, request: PlanRequest) -> str:
    """Options that hold less, where they are not taken yet."""
    if not isinstance(estimate, TrainingEstimate):
        return _way_out_of_serving(estimate, request) if isinstance(request, InferRequest) else ""
    plan = estimate.plan
    ways = [
        "a smaller --micro-batch" if plan.micro_batch > 1 else "",
        f"--zero {_MOST_ZERO}" if plan.layout.zero < _MOST_ZERO and plan.layout.dp > 1 else "",
        "--recompute full" if plan.recompute != Recompute.FULL else "",
        "more --tp, --pp or --gpus",
    ]
    return f"; {', '.join(filter(None, ways))} hold less"


def _way_out_of_serving(estimate: InferenceEstimate | ServerEstimate, request: InferRequest) -> str:
    """The nearest settings that fit, tried out; and what else holds less."""
    from llmplan.search.nearest import nearest_that_fit

    if isinstance(estimate, ServerEstimate) and estimate.fullest_pool == "prefill":
        return "; more --prefill-tp or --prefill-pp, or fewer bits (--dtype, --kv-bits) hold less"
    near = nearest_that_fit(request, estimate)
    longest = "; the cache is that of the longest sequence" if isinstance(estimate, ServerEstimate) else ""
    fits = f"; {' or '.join(near)} would fit" if near else ""
    return f"{longest}{fits}; fewer bits (--dtype, --kv-bits) hold less"
