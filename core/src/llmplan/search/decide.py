"""The one chooser: asks a question of all legal plans, the same for `train` and for every search."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from math import inf
from typing import Any

from attrs import evolve

from llmplan.arrays.rows import Columns, length
from llmplan.estimate import TrainingEstimate
from llmplan.records.plan import CONFIDENCE, HEADROOM
from llmplan.request import SearchRequest, TrainRequest
from llmplan.search.figures import OBJECTIVES, constraints
from llmplan.search.run import Outcome, run
from llmplan.search.workers import CHUNK, Question
from llmplan.space.batch import Reach
from llmplan.space.case import TrainingCase, dimensions_at, training_cases
from llmplan.space.dimensions import COLUMNS
from llmplan.space.enumerate import Listing
from llmplan.space.training_space import TrainingSpace


def question_of(request: TrainRequest, objective: str, asked: SearchRequest | None = None) -> Question:
    """Which plan is best, within the limits that were given."""
    asked = asked or SearchRequest()
    headroom = HEADROOM if request.memory_headroom is None else request.memory_headroom
    return Question(
        by=OBJECTIVES[objective],
        pareto=(),
        constraints=constraints(headroom, asked.finish_within, asked.budget),
        top=1,
        confidence=CONFIDENCE if request.confidence is None else request.confidence,
        stated=request.mfu is not None,
        prune=asked.prune is not False,
    )


def decided(space: TrainingSpace, question: Question, **how: Any) -> tuple[list[TrainingCase], Outcome]:
    """What becomes of the question, over plans of the batch that is wanted, or nearer or farther ones where there is
    none.
    """
    first: tuple[list[TrainingCase], Outcome] | None = None
    for reach in _reaches(space):
        cases = cases_of(space, reach)
        outcome = run(cases, question, **how)
        if length(outcome.found.best.rows) or not outcome.complete:
            return cases, outcome
        first = first if first and (first[1].found.legal or not outcome.found.legal) else (cases, outcome)
        if first[1].found.legal and not _goes_on(space, reach):
            break
    assert first is not None  # noqa: S101 - there is a nearest reach
    return first


def _reaches(space: TrainingSpace) -> Sequence[Reach]:
    """In their order, but those that hold no plan in any case."""
    if space.request.global_batch is not None:
        return (Reach.CLOSE,)
    is_odd = "gradient_accumulation" in space.values and "micro_batch" not in space.values
    return [reach for reach in Reach if is_odd or reach is not Reach.ODD]


def _goes_on(space: TrainingSpace, reach: Reach) -> bool:
    """Whether others may fit where none of this reach does: of a batch that nobody asked for, with an accumulation
    that somebody did.
    """
    return "gradient_accumulation" in space.values and (
        reach is Reach.CLOSE or space.request.global_batch_tokens is None
    )


def cases_of(space: TrainingSpace, reach: Reach) -> list[TrainingCase]:
    """With batches that are so near to what is wanted, and where none is near with the nearest that there are."""
    cases = training_cases(space, reach)
    if reach is not Reach.NEAREST:
        return cases
    return [evolve(case, batch=case.batch._replace(within=_nearest(case))) for case in cases]


def _nearest(case: TrainingCase) -> float:
    """Sequences by which the nearest plan misses the batch."""
    if not case.batch.asked:
        return inf
    listing = Listing(case)
    plans = (rows for roots in listing.roots(Counter()) for rows in listing.plans(roots, CHUNK, Counter()))
    missed: Iterator[Any] = (case.batch.off_by(rows) for rows in plans)
    return min((float(off_by.min()) for off_by in missed if len(off_by)), default=inf)


def record(cases: Sequence[TrainingCase], rows: Columns, at: int) -> tuple[TrainingEstimate, TrainRequest]:
    """The estimate of a plan that was found, as `llmplan train` prints it, and the request for it alone."""
    case = cases[int(rows["case"][at])]
    row = dimensions_at({name: rows[name] for name in COLUMNS}, at)
    return case.price(row), case.fixed(row)
