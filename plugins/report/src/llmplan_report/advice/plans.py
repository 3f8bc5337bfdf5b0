"""Of a plan that does not fit, is too slow, or of a server that cannot answer what comes: what would do."""

from __future__ import annotations

from llmplan.cli.progress import progress
from llmplan.estimate import Advice, Estimate, InferenceEstimate, ServerEstimate, TrainingEstimate
from llmplan.output.words import gib
from llmplan.request import InferRequest, PlanRequest, TrainRequest
from llmplan.space.kept import kept
from llmplan_report.advice.overloaded import enough, overloaded
from llmplan_report.commands import command_line, command_options, search_of
from llmplan_report.doubt import doubted
from llmplan_report.kept_words import kept_words
from llmplan_report.search_words import change_words

_MOST_PARTS = 3
"""Of memory, that one line names."""


def of_plan(estimate: Estimate) -> Advice:
    """What is wrong, and a command that fits or finds what would."""
    request = estimate.request
    if isinstance(estimate, ServerEstimate) and estimate.overloaded:
        line, instead = overloaded(estimate, request.gpus), enough(estimate, request.gpus)
    elif estimate.fits and isinstance(request, InferRequest) and not isinstance(estimate, TrainingEstimate):
        line, instead = _is_too_slow(estimate, request), ""
    else:
        line, instead = _does_not_fit(estimate, request)
    return Advice(line, _command(estimate, request, instead))


def _is_too_slow(estimate: InferenceEstimate | ServerEstimate, request: InferRequest) -> str:
    """Which latencies are longer than was asked for."""
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
    if isinstance(estimate, InferenceEstimate) and estimate.cache_bytes is not None and estimate.cache_bytes <= 0:
        room = gib(estimate.cache_bytes)
        where = f"{estimate.plan.engine.name} would not start, with {room} of room for its cache: it needs "
    if doubt := doubted(estimate):
        most = estimate.memory_bytes_at_confidence if isinstance(estimate, TrainingEstimate) else used
        return (
            f"may not fit: up to {gib(most)} of the {gib(capacity)} of {estimate.plan.hardware.name}, {doubt}{advice}",
            instead,
        )
    return (
        f"does not fit: {where}{gib(used - capacity)} more than the {gib(capacity)} of {estimate.plan.hardware.name}; "
        f"{listed}{advice}"
    ), instead


def _command(estimate: Estimate, request: PlanRequest, instead: str) -> str:
    """The same question with these options in place of its own, or else the search that says what would do."""
    options = command_options(request)
    if options is None:
        return ""
    is_training = isinstance(estimate, TrainingEstimate)
    if not instead:
        return " ".join(search_of(estimate, request)) if is_training else ""
    words = instead.split()
    changed = {
        name.removeprefix("--").replace("-", "_"): size for name, size in zip(words[::2], words[1::2], strict=True)
    }
    contradicted = {"max_batch", "max_context"} if "batch" in changed or "tp" in changed else set()
    kept = {name: value for name, value in options.items() if name not in contradicted}
    return " ".join(command_line(("train" if is_training else "infer",), {**kept, **changed}))


def _way_out(estimate: Estimate, request: PlanRequest) -> tuple[str, str]:
    """Options that were tried and fit; and those of them that a command may take."""
    if not isinstance(estimate, TrainingEstimate):
        return _way_out_of_serving(estimate, request) if isinstance(request, InferRequest) else ("", "")
    return _way_out_of_training(estimate, request) if isinstance(request, TrainRequest) else ("", "")


def _way_out_of_training(estimate: TrainingEstimate, request: TrainRequest) -> tuple[str, str]:
    """The chooser's own answers: one option with another value, or all sizes left open."""
    from llmplan_report.advice.would_fit import OPEN, would_fit

    with progress() as watch:
        changes = would_fit(request, estimate, watch)
    if not changes:
        return "; no single option that changes would fit", ""
    if changes[0].option == OPEN:
        return f"; {OPEN} left open would fit", ""
    options = [change_words(change) for change in changes]
    return f"; {' or '.join(options)} would fit", options[0]


def _way_out_of_serving(estimate: InferenceEstimate | ServerEstimate, request: InferRequest) -> tuple[str, str]:
    """The nearest settings that fit, tried out; and what else holds less."""
    from llmplan_report.advice.nearest import nearest_that_fit

    if isinstance(estimate, ServerEstimate) and estimate.fullest_pool == "prefill":
        return "; more --prefill-tp or --prefill-pp, or fewer bits (--dtype, --kv-bits) hold less", ""
    near = nearest_that_fit(request, estimate)
    longest = "; the cache is that of the longest sequence" if isinstance(estimate, ServerEstimate) else ""
    fits = f"; {' or '.join(near)} would fit" if near else ""
    return f"{longest}{fits}; fewer bits (--dtype, --kv-bits) hold less", near[-1] if near else ""
