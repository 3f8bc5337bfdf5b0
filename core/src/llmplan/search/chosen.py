"""The layout of `llmplan train` where it is left open, and the number of GPUs where that is open too."""

from __future__ import annotations

from math import floor, inf, log2
from typing import Any

from attrs import evolve

from llmplan.catalogues import GPUS
from llmplan.errors import BadInputError
from llmplan.estimate import TrainingEstimate
from llmplan.records import Schedule
from llmplan.request import TrainRequest
from llmplan.search.arrays import length
from llmplan.search.batches import ABOUT
from llmplan.search.dimensions import MOST_GPUS, divisors
from llmplan.search.engine import Outcome, run
from llmplan.search.figures import HEADROOM, OBJECTIVES, Constraint, constraints
from llmplan.search.space import TrainingSpace
from llmplan.search.training_case import TrainingCase, training_cases
from llmplan.search.why import described
from llmplan.search.work import Question
from llmplan.space.choice import Choice, find_record
from llmplan.space.layout import Sizes, candidates
from llmplan.space.training import assume, price

DAYS_WHERE_GPUS_ARE_OPEN = 30
"""Where the number of GPUs is left open: the smallest power of two that trains in so many days."""
_LIMIT = DAYS_WHERE_GPUS_ARE_OPEN * 86_400.0
_WORTH_DOUBLING = 1.4
"""Times faster that twice the GPUs have to be: beyond, a batch of this size keeps them waiting for each other."""
_WORTH_HOURS, _HALVINGS = 2.0, 5
"""Times the GPU-hours of the cheapest that a faster run may take, and how many halvings are looked at."""
_BETTER_THAN_USUAL = 1
"""Doublings by which a plan that is searched may be faster than the one by which the fewest GPUs are guessed."""


def best_of(request: TrainRequest, *, beyond: bool = True) -> TrainingEstimate:
    """The fastest of the usual plans; where none of them fits, of all; else the one that takes the least memory."""
    refused: BadInputError | None = None
    for tolerance in (ABOUT, inf):
        spaces = (_usual(request), TrainingSpace.of(request)) if beyond else (_usual(request),)
        cases = [_case(space, tolerance) for space in spaces]
        for case, aside in zip(cases, (_set_aside(request), ()), strict=False):
            outcome = _asked(case, "time", constraints(HEADROOM, None, None))
            if length(outcome.found.best.rows):
                return _said(case, outcome, *aside)
        outcome = _asked(cases[-1], "memory", ())
        if length(outcome.found.best.rows):
            return _said(cases[-1], outcome)
        refused = refused or _refusal(request, cases[-1])
        if cases[-1].batch.exact:
            break
    assert refused is not None  # noqa: S101 - the loop has been through
    raise refused


def _usual(request: TrainRequest) -> TrainingSpace:
    """Every layout, tensor parallel inside the scale-up domain, of runs as most are: micro-batches of one sequence, at
    most ZeRO 1, 1F1B, nothing offloaded.
    """
    open_ = TrainingSpace.of(request)
    usual: dict[str, Any] = {
        "tp": divisors(find_record(request.gpu, "gpu", GPUS).scale_up_domain),
        "zero": [0, 1],
        "schedule": Schedule.ONE_F_ONE_B,
        "offload": "none",
        **({} if request.max_micro_batch or request.gradient_accumulation else {"micro_batch": 1}),
    }
    return open_.with_values(**{name: value for name, value in usual.items() if name not in open_.values})


def _set_aside(request: TrainRequest) -> tuple[str, ...]:
    """What usual plans leave out, of what the request leaves open."""
    usual = {"micro_batch": "micro-batches of 1", "zero": "at most ZeRO 1", "schedule": "1F1B", "offload": "no offload"}
    words = [said for name, said in usual.items() if getattr(request, name) is None]
    if request.max_micro_batch or request.gradient_accumulation:
        words = words[1:]
    return (f"of usual plans: {', '.join(words)}; llmplan search train tries all others too",) if words else ()


def _case(space: TrainingSpace, tolerance: float) -> TrainingCase:
    (case,) = training_cases(space, tolerance)
    return case


def _asked(case: TrainingCase, objective: str, limits: tuple[Constraint, ...]) -> Outcome:
    """At a stated MFU all plans take the same time: the simplest is the best."""
    by = ("gpus",) if case.request.mfu is not None and objective == "time" else OBJECTIVES[objective]
    return run([case], Question(by, (), limits, top=1))


def _refusal(request: TrainRequest, case: TrainingCase) -> BadInputError:
    """Why the first layout that divides the GPUs is refused."""
    for sizes in candidates(request, case.choice, request.gpus):
        try:
            price(request, case.choice, sizes)
        except BadInputError as error:
            return error
    return BadInputError("gpus: no layout divides them as the other options ask")


def _said(case: TrainingCase, outcome: Outcome, *aside: str) -> TrainingEstimate:
    """The estimate, with what was chosen out of how many plans."""
    estimate = case.record(outcome.found.best.rows, 0)
    plan = described(estimate.plan)
    chosen = [name for name in _CHOSEN if len(case.dimensions.of.get(_FIELDS.get(name, name), (1, 1))) > 1]
    words = [f"{name} {plan[name]}" for name in chosen if name in _ALWAYS or plan[name] != _UNSAID.get(name)]
    many = f"{outcome.found.legal:,} plans"
    why = f"the fastest of {many} that fits" if estimate.feasible else f"nothing fits, this comes nearest of {many}"
    return assume(estimate, f"{' '.join(words)}: {why}", *aside)


_ALWAYS = ("tp", "pp", "dp")
_UNSAID = {"cp": 1, "ep": 1, "vpp": 1, "schedule": "1f1b", "offload": "none"}
_CHOSEN = (*_ALWAYS, *_UNSAID, "zero", "micro-batch", "recompute")
"""What is said of a plan that was chosen, the latter only where it is not this."""
_FIELDS = {"micro-batch": "micro_batch"}


def on_fewest_gpus(request: TrainRequest, choice: Choice) -> TrainingEstimate:
    """As few GPUs, in powers of two, as finish in time."""
    gpus = _least_gpus(request, choice)
    best: TrainingEstimate | None = None
    refused: BadInputError | None = None
    while gpus <= MOST_GPUS:
        try:
            tried = best_of(evolve(request, gpus=gpus), beyond=False)
        except BadInputError as error:
            refused = refused or error
        else:
            if best is not None and best.feasible and tried.training_seconds * _WORTH_DOUBLING > best.training_seconds:
                break
            best = tried
            if tried.feasible and tried.training_seconds <= _LIMIT:
                break
        gpus *= 2
    if best is None:
        raise refused or BadInputError(f"gpus: not given, and tp x pp is beyond the {MOST_GPUS:,} that are tried")
    if best.feasible and best.training_seconds > _LIMIT:
        best = _worth_its_hours(request, best)
    return assume(best, f"gpus {best.plan.layout.gpus:,}: {_why(best)}")


def _worth_its_hours(request: TrainRequest, most: TrainingEstimate) -> TrainingEstimate:
    """Where no number of GPUs is fast enough: the most that take at most twice the GPU-hours of the cheapest tried."""
    tried = [most]
    for _ in range(_HALVINGS):
        try:
            fewer = best_of(evolve(request, gpus=int(tried[-1].plan.layout.gpus) // 2), beyond=False)
        except BadInputError:
            break
        if not fewer.feasible:
            break
        tried.append(fewer)
    cheapest = min(estimate.gpu_hours for estimate in tried)
    return next(estimate for estimate in tried if estimate.gpu_hours <= _WORTH_HOURS * cheapest)


def _least_gpus(request: TrainRequest, choice: Choice) -> int:
    """Fewer cannot do: twice the GPUs take half the time at best."""
    sizes = Sizes(request.tp or 1, request.pp or 1, 1, request.cp or 1)
    try:
        times_too_long = price(request, choice, sizes).training_seconds / _LIMIT
    except BadInputError:
        return sizes.gpus
    doublings = max(0, floor(log2(times_too_long)) - _BETTER_THAN_USUAL)
    while doublings and sizes.gpus << doublings > MOST_GPUS:
        doublings -= 1
    return sizes.gpus << doublings


def _why(estimate: TrainingEstimate) -> str:
    days = f"{estimate.training_seconds / 86_400:.3g} days"
    if not estimate.feasible:
        return "none fits; these come nearest"
    if estimate.training_seconds > _LIMIT:
        if estimate.plan.layout.gpus * 2 > MOST_GPUS:
            return f"the most that are tried; they train in {days}"
        return f"with this batch more would take over twice the GPU-hours; they train in {days}"
    return f"the fewest, in powers of two, that train within {DAYS_WHERE_GPUS_ARE_OPEN} days ({days})"
