"""``search``: from a space and an objective to the best plans."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from math import inf
from typing import Any

import numpy as np
from attrs import evolve

from llmplan.errors import BadInputError
from llmplan.request import SearchRequest
from llmplan.search.arrays import Columns, joined, length
from llmplan.search.dimensions import MOST_GPUS
from llmplan.search.engine import Outcome, run
from llmplan.search.figures import HEADROOM, OBJECTIVES, Constraint, constraints
from llmplan.search.infeasible import Dead, verdict
from llmplan.search.result import SearchResult, counts_of
from llmplan.search.serving.searching import search_inference
from llmplan.search.serving.space import InferenceSpace
from llmplan.search.space import TrainingSpace
from llmplan.search.training_case import COLUMNS, TrainingCase, row_of, training_cases
from llmplan.search.why import Comparison, compare
from llmplan.search.work import CHUNK, Question


def search(
    space: TrainingSpace | InferenceSpace,
    objective: str | None = None,
    *,
    executor: Executor | None = None,
    keep: bool = True,
    chunk: int = CHUNK,
    watch: Callable[[Any], None] | None = None,
    sink: Callable[[Columns], None] | None = None,
    interruptible: bool = False,
    **options: Any,
) -> SearchResult:
    """The best plans of a space: ``search(TrainingSpace(model=..., gpu=..., gpus=2048), "cost")``.

    Options are those of `SearchRequest`: pareto, finish_within, budget, memory_headroom, top, prune. Every priced plan
    is kept as columns unless `keep` is false, or goes to `sink`, part by part. `watch` is told of progress.
    An `InferenceSpace` goes to `search_inference`, which works alone.
    """
    if isinstance(space, InferenceSpace):
        if executor is not None:
            raise TypeError("a search for servers takes no executor")
        return search_inference(
            space, objective or "throughput", keep=keep, watch=watch, sink=sink, interruptible=interruptible, **options
        )
    asked = SearchRequest(objective=objective or "time", **options)
    question = _question(asked, chunk, keep=keep or sink is not None)
    space = _with_gpus(space, question)
    cases = training_cases(space)
    parts: list[Columns] = []

    def receive(columns: Columns) -> None:
        (sink or parts.append)(published(cases, columns))

    outcome = run(
        cases, question, executor=executor, watch=watch, sink=receive,
        interruptible=interruptible,
    )  # fmt: skip
    return _result(asked, space, cases, question, outcome, joined(parts))


def _question(asked: SearchRequest, chunk: int, *, keep: bool) -> Question:
    objective = asked.objective or "time"
    pareto = tuple(asked.pareto or ())
    if objective == "gpus" and asked.finish_within is None and asked.budget is None:
        raise BadInputError("objective: gpus needs --finish-within or --budget: the fewest GPUs for what?")
    headroom = HEADROOM if asked.memory_headroom is None else asked.memory_headroom
    limits = constraints(headroom, asked.finish_within, asked.budget)
    return Question(OBJECTIVES[objective], pareto, limits, asked.top or TOP, chunk, keep, asked.prune is not False)


def _with_gpus(space: TrainingSpace, question: Question) -> TrainingSpace:
    """Powers of two, where their number is what is looked for, and numbers below the fewest of them that do."""
    if "gpus" in space.values or "dp" in space.values:
        return space
    if "gpus" not in question.figures:
        raise BadInputError("gpus: not given; give a number, a range like 256..4096, or --objective gpus")
    powers = space.with_values(gpus=f"1..{MOST_GPUS}")
    if question.by[0] != "gpus":
        return powers
    cases = training_cases(powers)
    rows = run(cases, evolve(question, pareto=(), top=1, keep=False)).found.best.rows
    if not length(rows):
        return powers
    fewest, domain = int(rows["gpus"][0]), cases[0].choice.hardware.scale_up_domain
    step = domain * max(1, fewest // (2 * domain * _BETWEEN))
    return space.with_values(gpus=[*powers.values["gpus"], *range(fewest - step, fewest // 2, -step)])


TOP = 10
_BETWEEN = 16
"""Numbers of GPUs, in whole scale-up domains, that are tried below the fewest that are a power of two."""


def _result(
    asked: SearchRequest,
    space: TrainingSpace,
    cases: Sequence[TrainingCase],
    question: Question,
    outcome: Outcome,
    columns: Columns,
) -> SearchResult:
    found = outcome.found
    best = _records(cases, found.best.rows)
    dead = not best and outcome.complete
    return SearchResult(
        objective=asked.objective or "time",
        space=_values(space, cases, outcome.roots),
        constraints=_limits(question.constraints),
        best=best,
        requests=tuple(
            cases[int(found.best.rows["case"][at])].fixed(row_of(found.best.rows, at)) for at in range(len(best))
        ),
        pareto_of=question.pareto,
        pareto=_records(cases, found.frontier.rows),
        why=_why(best, _records(cases, found.simplest.rows)),
        counts=counts_of(found),
        seconds=outcome.seconds,
        complete=outcome.complete,
        columns=columns,
        verdict=verdict(Dead(space, question, training_cases, found)) if dead else None,
    )


def _why(best: Sequence[Any], simplest: Sequence[Any]) -> tuple[Comparison, ...]:
    """The winner against the runner-up, and against what somebody would begin with."""
    others = [("the runner-up", other) for other in best[1:2]] + [
        ("the simplest plan that fits", one) for one in simplest
    ]
    return tuple(compare(best[0], other, against) for against, other in others if best)


def _records(cases: Sequence[TrainingCase], rows: Columns) -> tuple[Any, ...]:
    return tuple(cases[int(rows["case"][at])].record(rows, at) for at in range(length(rows)))


def _limits(limits: Sequence[Constraint]) -> dict[str, Any]:
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
        tried = case.listing.values(joined(mine)) if mine else {name: space.values[name] for name in space.values}
        for name, several in {**of_case, **tried}.items():
            values.setdefault(name, {}).update(dict.fromkeys(several))
    return {name: tuple(found) for name, found in values.items()}


def published(cases: Sequence[TrainingCase], columns: Columns) -> Columns:
    """Columns as people read them: names, whole numbers, words for modes."""
    from llmplan.records import Recompute, Schedule

    which = columns["case"]
    named = {
        "model": np.array([case.choice.model.name for case in cases])[which],
        "gpu": np.array([case.choice.hardware.name for case in cases])[which],
        "dtype": np.array([case.choice.dtype.name for case in cases])[which],
    }
    groups = columns["zero_group"]
    whole = {**columns, "zero_group": np.where(groups < inf, groups, columns["dp"] * columns["cp"])}
    plan = {name: _whole(whole[name]) for name in COLUMNS}
    for name, meaning in (("recompute", Recompute), ("schedule", Schedule)):
        plan[name] = np.array([one.label for one in meaning])[plan[name]]
    figures = {name: column for name, column in columns.items() if name not in {*COLUMNS, "case", "model_parallel"}}
    return {**named, **plan, **figures}


def _whole(column: Any) -> Any:
    return column if column.dtype == bool else column.astype(np.int64)
