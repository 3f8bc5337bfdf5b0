"""The plan of `llmplan train` where something is left open, and the number of GPUs where that is open too."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import floor, log2, prod
from typing import Any

from attrs import evolve

from llmplan.arrays.rows import length
from llmplan.errors import BadInputError
from llmplan.estimate import TrainingEstimate
from llmplan.request import TrainRequest, option_name
from llmplan.search.decide import decided, question_of, record
from llmplan.search.figures import Judged
from llmplan.search.run import Outcome, Watch, run
from llmplan.search.workers import Question
from llmplan.space.case import TrainingCase, training_case
from llmplan.space.dimensions import DIMENSIONS, MOST_GPUS, described, is_idle, laid_out, row_of
from llmplan.space.fill import assume
from llmplan.space.sizes import FACTORS, missing_size, numbers_of_gpus
from llmplan.space.training_space import TrainingSpace

DAYS_WHERE_GPUS_ARE_OPEN = 30
"""Where the number of GPUs is left open: the smallest power of two that trains in so many days."""
_DAY = 86_400.0
_LIMIT = DAYS_WHERE_GPUS_ARE_OPEN * _DAY
_WORTH_DOUBLING = 1.4
"""Times faster that twice the GPUs have to be: beyond, a batch of this size keeps them waiting for each other."""
_WORTH_HOURS, _HALVINGS = 2.0, 5
"""Times the GPU-hours of the cheapest that a faster run may take, and how many halvings are looked at."""
_MOST_TRIED = 200
"""Layouts of which one is looked for that says why none is legal."""


def chosen(request: TrainRequest, watch: Watch | None = None) -> TrainingEstimate:
    """The best of all legal plans, on the fewest GPUs that are worth it where their number is open."""
    if request.gpus is None and any(getattr(request, name) is None for name in FACTORS):
        divided = numbers_of_gpus(TrainingSpace.of(request).values)
        if divided:
            return assume(
                best_of(evolve(request, gpus=divided[0]), watch), f"gpus {divided[0]:,}: what the sizes given make"
            )
        return _on_fewest_gpus(request, watch)
    return best_of(request, watch)


def best_of(request: TrainRequest, watch: Watch | None = None) -> TrainingEstimate:
    """The fastest that fits, at the confidence that was asked for; else the one that takes the least memory."""
    space, question = TrainingSpace.of(request), question_of(request, "time")
    cases, outcome = decided(space, question, watch=watch)
    if length(outcome.found.best.rows):
        return _said(cases, outcome, question)
    if not outcome.found.legal:
        raise _refusal(cases[0])
    least = evolve(question_of(request, "memory"), constraints=())
    return _said(cases, run(cases, least, watch=watch), least)


def _said(cases: list[TrainingCase], outcome: Outcome, question: Question) -> TrainingEstimate:
    """The estimate, with what was chosen out of how many plans."""
    found = outcome.found
    estimate, request = record(cases, found.best.rows, 0)
    many = f"{found.legal:,} plans"
    sure = _sure(estimate, question.confidence)
    if not question.constraints:
        why = f"none of {many} fits, this comes nearest"
        if estimate.fits:
            why = f"none of {many} fits{sure} and headroom, this takes the least memory"
    elif cases[0].request.mfu is not None:
        why = f"the fastest of {many} that fits by the cost model{sure and f',{sure}'}"
    else:
        why = (
            f"the fastest of {many} that fits{sure and f',{sure}'}"
            if question.point
            else f"the fastest of {many} that fits"
        )
    if found.legal == 1:
        return estimate
    if question.constraints and length(found.point.rows):
        other, its_request = record(cases, found.point.rows, 0)
        if given_values(its_request) != given_values(request):
            estimate = evolve(estimate, by_estimate=other)
    return assume(estimate, f"{_words(cases[0], estimate)}: {why}")


def _sure(estimate: TrainingEstimate, confidence: float) -> str:
    """How sure that is; nobody knows for efficiencies that the user states."""
    return "" if estimate.plan.efficiency.stated else f" with {confidence:.0%} confidence"


def given_values(request: TrainRequest) -> tuple[Any, ...]:
    """The dimensions of a request for one plan."""
    return tuple(getattr(request, one.name) for one in DIMENSIONS)


def _words(case: TrainingCase, estimate: TrainingEstimate) -> str:
    """The value of each dimension that was open and changes anything, but what follows from the others."""
    values, row, plan = case.values, row_of(estimate.plan), described(estimate.plan)
    chosen = [
        one.name
        for one in DIMENSIONS
        if one.name not in values.given and len(values.of.get(one.name, (0, 0))) > 1 and not is_idle(one, row)
    ]
    follows = {"gradient_accumulation", *(() if {"tp", "cp", "pp"}.intersection(chosen) else ("dp",))}
    names = [option_name(name) for name in chosen if name not in follows]
    return " ".join(f"{name} {_word(plan[name])}" for name in names)


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _refusal(case: TrainingCase) -> BadInputError:
    """Why the first layout that divides the GPUs is refused, at its plainest."""
    for row in _laid_out(case):
        try:
            case.price(case.with_batch(row))
        except BadInputError as error:
            return error
    return BadInputError("gpus: no layout divides them as the other options ask")


def _laid_out(case: TrainingCase) -> Iterator[dict[str, Any]]:
    """Rows of sizes that make the GPUs, everything else the first of what is given, usual, or the plainest."""
    values = case.values
    plainest = {one.name: one.plainest if one.is_flag or not one.usual else one.usual()[0] for one in DIMENSIONS}
    plainest |= {name: values[name][0] for name in values.given}
    known: dict[str, Any] = {name: values[name][0] for name in ("gpus", "dp") if name in values.given}
    tried = 0
    for tp, pp, cp in product(values["tp"], values["pp"], values["cp"]):
        row = missing_size({**known, "tp": tp, "pp": pp, "cp": cp})
        if row is None or row["tp"] * row["pp"] * row["cp"] * row["dp"] != row["gpus"]:
            continue
        yield {**plainest, **row}
        tried += 1
        if tried == _MOST_TRIED:
            return


def _on_fewest_gpus(request: TrainRequest, watch: Watch | None) -> TrainingEstimate:
    """As few GPUs, in powers of two, as finish in time."""
    gpus = _least_gpus(request)
    best: TrainingEstimate | None = None
    refused: BadInputError | None = None
    while gpus <= MOST_GPUS:
        try:
            tried = best_of(evolve(request, gpus=gpus), watch)
        except BadInputError as error:
            refused = refused or error
        else:
            if best is not None and best.feasible and _seconds(tried) * _WORTH_DOUBLING >= _seconds(best):
                break  # no end either, where failures allow no progress
            best = tried
            if tried.feasible and _seconds(tried) <= _LIMIT:
                break
        gpus *= 2
    if best is None:
        raise refused or BadInputError(
            f"gpus: not given, and the sizes that are make more than the {MOST_GPUS:,} that are tried"
        )
    if best.feasible and _seconds(best) > _LIMIT:
        best = _worth_its_hours(request, best, watch)
    return assume(best, f"gpus {best.plan.layout.gpus:,}: {_why(best)}")


def _seconds(estimate: TrainingEstimate) -> float:
    """Of the whole run, at the confidence of its plan."""
    return float(Judged.at(estimate, estimate.plan.confidence).figure("time"))


def _worth_its_hours(request: TrainRequest, most: TrainingEstimate, watch: Watch | None) -> TrainingEstimate:
    """Where no number of GPUs is fast enough: the most that take at most twice the GPU-hours of the cheapest tried."""
    tried = [most]
    for _ in range(_HALVINGS):
        try:
            fewer = best_of(evolve(request, gpus=int(tried[-1].plan.layout.gpus) // 2), watch)
        except BadInputError:
            break
        if not fewer.feasible:
            break
        tried.append(fewer)
    cheapest = min(estimate.gpu_hours for estimate in tried)
    return next(estimate for estimate in tried if estimate.gpu_hours <= _WORTH_HOURS * cheapest)


def _least_gpus(request: TrainRequest) -> int:
    """The fewest that the sizes given make, doubled as long as not even the bound of a plan on one GPU, shared out
    without any loss, is done in time.
    """
    sizes: int = prod(getattr(request, name) or 1 for name in FACTORS)
    case = training_case(TrainingSpace.of(request), request)
    alone = case.bound(laid_out(case.template, {}))
    if alone is None:
        return sizes
    seconds = alone.iteration_seconds / alone.tokens_per_iteration * case.template.tokens
    times_too_long = seconds / _LIMIT / sizes
    doublings = max(0, floor(log2(times_too_long))) if times_too_long > 1 else 0
    while doublings and sizes << doublings > MOST_GPUS:
        doublings -= 1
    return sizes << doublings


def _why(estimate: TrainingEstimate) -> str:
    seconds = _seconds(estimate)
    days = f"{seconds / _DAY:.3g} days{_sure(estimate, estimate.plan.confidence)}"
    if not estimate.feasible:
        return "none fits; these come nearest"
    if seconds > _LIMIT:
        if estimate.plan.layout.gpus * 2 > MOST_GPUS:
            return f"the most that are tried; they train in {days}"
        return f"with this batch more would take over twice the GPU-hours; they train in {days}"
    return f"the fewest that train within {DAYS_WHERE_GPUS_ARE_OPEN} days, in powers of two ({days})"
