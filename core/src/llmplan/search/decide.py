"""The one chooser: asks a question of all legal plans, the same for `train` and for every search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llmplan.arrays.rows import Columns
from llmplan.estimate import TrainingEstimate
from llmplan.estimate.spread import CONFIDENCE
from llmplan.request import SearchRequest, TrainRequest
from llmplan.search.figures import HEADROOM, OBJECTIVES, constraints
from llmplan.search.run import Outcome, run
from llmplan.search.workers import Question
from llmplan.space.case import TrainingCase, dimensions_at, training_cases
from llmplan.space.dimensions import COLUMNS
from llmplan.space.training_space import TrainingSpace


def question_of(request: TrainRequest, objective: str, asked: SearchRequest | None = None) -> Question:
    """Which plan is best, within the limits that were given."""
    asked = asked or SearchRequest()
    headroom = HEADROOM if asked.memory_headroom is None else asked.memory_headroom
    return Question(
        by=OBJECTIVES[objective],
        pareto=(),
        constraints=constraints(headroom, asked.finish_within, asked.budget),
        top=1,
        confidence=CONFIDENCE if request.confidence is None else request.confidence,
        prune=asked.prune is not False,
    )


def decided(space: TrainingSpace, question: Question, **how: Any) -> tuple[list[TrainingCase], Outcome]:
    """What becomes of the question, over plans of the batch that is wanted, or of the nearest where there is none."""
    cases = training_cases(space)
    outcome = run(cases, question, **how)
    if outcome.found.legal or not outcome.complete or all(case.batch.exact for case in cases):
        return cases, outcome
    nearest = training_cases(space, nearest=True)
    other = run(nearest, question, **how)
    return (nearest, other) if other.found.legal else (cases, outcome)


def record(cases: Sequence[TrainingCase], rows: Columns, at: int) -> tuple[TrainingEstimate, TrainRequest]:
    """The estimate of a plan that was found, as `llmplan train` prints it, and the request for it alone."""
    case = cases[int(rows["case"][at])]
    row = dimensions_at({name: rows[name] for name in COLUMNS}, at)
    return case.price(row), case.fixed(row)
