"""What would make a training plan fit: the chooser's answers where one option that was given gives way."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from llmplan.estimate import TrainingEstimate
from llmplan.request import TrainRequest
from llmplan.search.decide import cases_of, question_of
from llmplan.search.infeasible import Change, Dead, freed, more_gpus
from llmplan.search.run import Watch
from llmplan.search.workers import Found
from llmplan.space.batch import Reach
from llmplan.space.dimensions import NAMES
from llmplan.space.sizes import FACTORS
from llmplan.space.training_space import TrainingSpace

_HALVINGS = 3
"""Of the sequence, that are tried."""
OPEN = "every size"
"""The option of the change that leaves the whole layout to the chooser."""


def would_fit(request: TrainRequest, estimate: TrainingEstimate, watch: Watch | None = None) -> tuple[Change, ...]:
    """The smallest changes of one option that would do; where there is none, all sizes left open, if that would."""
    space = TrainingSpace.of(request)
    if "gpus" not in space.values and not space.values.keys() >= {*FACTORS}:
        space = space.with_values(gpus=int(estimate.plan.layout.gpus))
    question = question_of(request, "time")
    dead = Dead(space, question, partial(cases_of, reach=Reach.CLOSE), Found.nothing(question), watch)
    found = (*freed(dead), *more_gpus(dead, question.constraints[0]), *_shorter(dead, int(estimate.plan.seq_len)))
    return found or tuple(_opened(dead, int(estimate.plan.layout.gpus)))


def _shorter(dead: Dead, tokens: int) -> Iterator[Change]:
    """The longest of a few halves of the sequence."""
    for _ in range(_HALVINGS):
        tokens //= 2
        if tokens and dead.best(dead.space.with_values(seq_len=tokens), "time") is not None:
            yield Change("seq-len", tokens)
            return


def _opened(dead: Dead, gpus: int) -> Iterator[Change]:
    """Everything but the number of GPUs."""
    space = dead.space.with_values(**{**dict.fromkeys(NAMES), "gpus": gpus})
    if dead.best(space, "time") is not None:
        yield Change(OPEN, None)
