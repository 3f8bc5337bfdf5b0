"""What is said of a plan that does not fit, or of a server that cannot answer what comes: what would do."""

from __future__ import annotations

from llmplan.cli.estimate import DOES_NOT_FIT
from llmplan.cli.said import say
from llmplan.estimate import Estimate, InferenceEstimate, ServerEstimate, TrainingEstimate
from llmplan.output.words import gib
from llmplan.records import Recompute
from llmplan.request import InferRequest, PlanRequest

_MOST_ZERO = 3
_MOST_PARTS = 3
"""Of memory, that one line names."""


def say_why_not(estimate: Estimate, request: PlanRequest) -> int:
    """What is wrong on one line and, apart, a command that fits or finds what would; the exit code."""
    if isinstance(estimate, ServerEstimate) and estimate.overloaded:
        from llmplan.cli.overloaded import enough, overloaded

        line, instead = overloaded(estimate, request.gpus), enough(estimate, request.gpus)
    elif estimate.feasible and isinstance(request, InferRequest) and not isinstance(estimate, TrainingEstimate):
        line, instead = _is_too_slow(estimate, request), ""
    else:
        line, instead = _does_not_fit(estimate, request)
    say(f"llmplan: {line}")
    if hint := _command(estimate, request, instead):
        say(f"hint: {hint}")
    return DOES_NOT_FIT


def _is_too_slow(estimate: InferenceEstimate | ServerEstimate, request: InferRequest) -> str:
    """Which latencies are longer than was asked for."""
    from llmplan.output.kept_words import kept_words
    from llmplan.space.kept import kept

    broken = (one for one in kept(estimate, request) if not one.holds)
    return "too slow: " + "; ".join(f"{one.option} {kept_words(one, estimate)}" for one in broken)


def _does_not_fit(estimate: Estimate, request: PlanRequest) -> tuple[str, str]:
    """By how much, what takes the room, and options that would do, where they were tried."""
    used, capacity = estimate.memory_bytes_per_gpu, estimate.memory_capacity_bytes
    parts = sorted(estimate.memory_breakdown.items(), key=lambda part: -part[1])[:_MOST_PARTS]
    listed = ", ".join(f"{name} {gib(size)}" for name, size in parts)
    pool = estimate.fullest_pool if isinstance(estimate, ServerEstimate) else None
    where = f"the {pool} pool needs " if pool else ""
    advice, instead = _way_out(estimate, request)
    return (
        f"does not fit: {where}{gib(used - capacity)} more than the {gib(capacity)} of {estimate.plan.hardware.name}; "
        f"{listed}{advice}"
    ), instead


def _command(estimate: Estimate, request: PlanRequest, instead: str) -> str:
    """The same question with these options in place of its own, or else the search that says what would do."""
    from llmplan.output.next_steps import command_line, command_options, search_of

    options = command_options(request)
    if options is None:
        return ""
    if isinstance(estimate, TrainingEstimate):
        return " ".join(search_of(estimate, request))
    if not instead:
        return ""
    words = instead.split()
    changed = {
        name.removeprefix("--").replace("-", "_"): size for name, size in zip(words[::2], words[1::2], strict=True)
    }
    contradicted = {"max_batch", "max_context"} if "batch" in changed or "tp" in changed else set()
    kept = {name: value for name, value in options.items() if name not in contradicted}
    return " ".join(command_line(("infer",), {**kept, **changed}))


def _way_out(estimate: Estimate, request: PlanRequest) -> tuple[str, str]:
    """Options that hold less, where they are not taken yet; and those that were tried and fit."""
    if not isinstance(estimate, TrainingEstimate):
        return _way_out_of_serving(estimate, request) if isinstance(request, InferRequest) else ("", "")
    plan = estimate.plan
    ways = [
        "a smaller --micro-batch" if plan.micro_batch > 1 else "",
        f"--zero {_MOST_ZERO}" if plan.layout.zero < _MOST_ZERO and plan.layout.dp > 1 else "",
        "--recompute full" if plan.recompute != Recompute.FULL else "",
        "more --tp, --pp or --gpus",
    ]
    return f"; {', '.join(filter(None, ways))} hold less", ""


def _way_out_of_serving(estimate: InferenceEstimate | ServerEstimate, request: InferRequest) -> tuple[str, str]:
    """The nearest settings that fit, tried out; and what else holds less."""
    from llmplan.search.nearest import nearest_that_fit

    if isinstance(estimate, ServerEstimate) and estimate.fullest_pool == "prefill":
        return "; more --prefill-tp or --prefill-pp, or fewer bits (--dtype, --kv-bits) hold less", ""
    near = nearest_that_fit(request, estimate)
    longest = "; the cache is that of the longest sequence" if isinstance(estimate, ServerEstimate) else ""
    fits = f"; {' or '.join(near)} would fit" if near else ""
    return f"{longest}{fits}; fewer bits (--dtype, --kv-bits) hold less", near[-1] if near else ""
