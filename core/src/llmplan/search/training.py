"""The search for training plans: from a space to the best plans, why they are, and how many there were."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from functools import partial
from math import inf
from typing import Any

import numpy as np
from attrs import evolve

from llmplan.arrays.rows import Columns, joined, length
from llmplan.errors import BadInputError
from llmplan.estimate import TrainingEstimate
from llmplan.request import SearchRequest, given_options
from llmplan.search.decide import cases_of, decided, question_of, record
from llmplan.search.infeasible import Dead, verdict
from llmplan.search.result import SearchResult, counts_of
from llmplan.search.run import Outcome, Watch
from llmplan.search.why import compare, described
from llmplan.search.workers import CHUNK, Question
from llmplan.space.case import TrainingCase, training_cases
from llmplan.space.dimension import Dimension
from llmplan.space.dimensions import BY_COLUMN, COLUMNS, MOST_GPUS
from llmplan.space.enumerate import Listing
from llmplan.space.sizes import numbers_of_gpus
from llmplan.space.training_space import TrainingSpace

TOP = 10
_BETWEEN = 16
"""Numbers of GPUs, in whole scale-up domains, that are tried below the fewest that are a power of two."""


def search_training(
    space: TrainingSpace,
    asked: SearchRequest,
    *,
    executor: Executor | None = None,
    keep: bool = True,
    chunk: int = CHUNK,
    watch: Watch | None = None,
    sink: Callable[[Columns], None] | None = None,
    interruptible: bool = False,
) -> SearchResult:
    """The best plans of a space. Every priced plan is kept as columns unless `keep` is false, or goes to `sink`."""
    question = _question(space, asked, chunk, keep=keep or sink is not None)
    given, space = space, _with_gpus(space, question)
    parts: list[Columns] = []
    first = training_cases(space)

    def receive(columns: Columns) -> None:
        (sink or parts.append)(_published(first, columns))

    cases, outcome = decided(space, question, executor=executor, watch=watch, sink=receive, interruptible=interruptible)
    return evolve(_result(asked, space, cases, question, outcome, joined(parts)), asked=_asked(given, cases, asked))


def _asked(space: TrainingSpace, cases: Sequence[TrainingCase], asked: SearchRequest) -> dict[str, Any]:
    """All that was given, in the words of a plan file."""
    from llmplan.request.plan_file import space_in_full

    several = {**space.values, **({"price_per_gpu_hour": space.prices} if len(space.prices) > 1 else {})}
    records = (
        {
            "model": case.choice.model,
            "gpu": case.choice.hardware,
            "framework": case.template.framework,
            "optimizer": case.template.optimizer,
            "parts": case.choice.parts,
            "site": case.choice.site,
        }
        for case in cases
    )
    return {**space_in_full(zip(space.requests(), records, strict=True), several), **given_options(asked)}


def _question(space: TrainingSpace, asked: SearchRequest, chunk: int, *, keep: bool) -> Question:
    objective = asked.objective or "time"
    if objective == "gpus" and asked.finish_within is None and asked.budget is None:
        raise BadInputError("objective: gpus needs --finish-within or --budget: the fewest GPUs for what?")
    question = question_of(space.request, objective, asked)
    return evolve(question, pareto=tuple(asked.pareto or ()), top=asked.top or TOP, chunk=chunk, keep=keep)


def _with_gpus(space: TrainingSpace, question: Question) -> TrainingSpace:
    """Powers of two, where their number is what is looked for, and numbers below the fewest of them that do."""
    if "gpus" in space.values:
        return space
    if divided := numbers_of_gpus(space.values):
        return space.with_values(gpus=divided)
    if "gpus" not in question.figures:
        raise BadInputError("gpus: not given; give a number, a range like 256..4096, or --objective gpus")
    if "dp" in space.values:  # which the sizes of a model multiply
        return space
    powers = space.with_values(gpus=f"1..{MOST_GPUS}")
    if question.by[0] != "gpus":
        return powers
    cases, outcome = decided(powers, evolve(question, pareto=(), top=1, keep=False))
    rows = outcome.found.best.rows
    if not length(rows):
        return powers
    fewest, domain = int(rows["gpus"][0]), cases[0].choice.hardware.scale_up_domain
    step = domain * max(1, fewest // (2 * domain * _BETWEEN))
    return space.with_values(gpus=[*powers.values["gpus"], *range(fewest - step, fewest // 2, -step)])


def _result(
    asked: SearchRequest,
    space: TrainingSpace,
    cases: Sequence[TrainingCase],
    question: Question,
    outcome: Outcome,
    columns: Columns,
) -> SearchResult:
    found = outcome.found
    best, point = _records(cases, found.best.rows), _records(cases, found.point.rows)
    dead = not best and outcome.complete
    again = partial(cases_of, reach=cases[0].batch.reach)
    return SearchResult(
        objective=asked.objective or "time",
        space=_values(space, cases, outcome.roots),
        constraints=_limits(question),
        best=tuple(estimate for estimate, _ in best),
        requests=tuple(request for _, request in best),
        pareto_of=question.pareto,
        pareto=tuple(estimate for estimate, _ in _records(cases, found.frontier.rows)),
        why=tuple(
            compare(best[0][0], other, against)
            for against, other in (
                *(("the runner-up", other) for other, _ in best[1:2]),
                *(("the simplest plan that fits", one) for one, _ in _records(cases, found.simplest.rows)),
            )
            if best
        ),
        by_estimate=point[0][0]
        if best and point and described(point[0][0].plan) != described(best[0][0].plan)
        else None,
        confidence=None if cases[0].template.efficiency.by_user else question.confidence,
        counts=counts_of(found),
        seconds=outcome.seconds,
        complete=outcome.complete,
        lost=outcome.lost,
        columns=columns,
        verdict=verdict(Dead(space, question, again, found)) if dead else None,
    )


def _records(cases: Sequence[TrainingCase], rows: Columns) -> list[tuple[TrainingEstimate, Any]]:
    """Each as `llmplan train` prints it, with the request that asks for it alone."""
    return [record(cases, rows, at) for at in range(length(rows))]


def _limits(question: Question) -> dict[str, Any]:
    limits = question.constraints
    shares = {one.name: one.share_of_memory for one in limits if one.share_of_memory is not None}
    return {**shares, **{one.name: one.limit for one in limits if one.limit is not None}}


def _values(
    space: TrainingSpace, cases: Sequence[TrainingCase], roots: Sequence[Columns]
) -> dict[str, tuple[Any, ...]]:
    """Of every dimension, over all cases."""
    values: dict[str, dict[Any, None]] = {}
    for case in cases:
        mine = [rows for rows in roots if rows["case"][0] == case.index]
        choice = case.choice
        of_case = {"model": [choice.model.name], "gpu": [choice.hardware.name], "dtype": [choice.dtype.name]}
        tried = Listing(case).values(joined(mine)) if mine else dict(space.values)
        for name, several in {**of_case, **tried}.items():
            values.setdefault(name, {}).update(dict.fromkeys(several))
    return {name: tuple(found) for name, found in values.items()}


def _published(cases: Sequence[TrainingCase], columns: Columns) -> Columns:
    """Columns as people read them: names, whole numbers, words for modes."""
    which = columns["case"]
    named = {
        "model": np.array([case.choice.model.name for case in cases])[which],
        "gpu": np.array([case.choice.hardware.name for case in cases])[which],
        "dtype": np.array([case.choice.dtype.name for case in cases])[which],
    }
    groups = columns["zero_group"]
    whole = {**columns, "zero_group": np.where(groups < inf, groups, columns["dp"] * columns["cp"])}
    plan = {name: _in_words(BY_COLUMN[name], _whole(whole[name])) for name in COLUMNS}
    figures = {name: column for name, column in columns.items() if name not in {*COLUMNS, "case", "model_parallel"}}
    return {**named, **plan, **figures}


def _whole(column: Any) -> Any:
    return column if column.dtype == bool else column.astype(np.int64)


def _in_words(dimension: Dimension, column: Any) -> Any:
    """Modes by their names."""
    words = [dimension.word(mode) for mode in dimension.modes] if dimension.places is None else dimension.places()
    return np.array(words)[column] if words else column
