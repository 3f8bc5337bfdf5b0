"""Where no plan is feasible: which constraint kills the last one, and the smallest changes that would do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import floor
from typing import Any

from attrs import evolve, frozen

from llmplan.arrays.rows import Columns, length
from llmplan.errors import BadInputError
from llmplan.request import option_name
from llmplan.search.decide import record
from llmplan.search.figures import ESTIMATED, OBJECTIVES, Constraint, Judged
from llmplan.search.run import Watch, run
from llmplan.search.workers import Found, Question
from llmplan.space.dimensions import MOST_GPUS, NAMES, described
from llmplan.space.training_space import TrainingSpace

_MOST_TRIES = 8
"""Values of one option that are tried, from the nearest on."""
_MOST_DOUBLINGS, _PARTS = 6, 8
"""Of the GPUs asked for, and of the double that would do."""

Cases = Callable[[TrainingSpace], Sequence[Any]]


@frozen(eq=False)
class Dead:
    """A search that came to nothing."""

    space: TrainingSpace
    question: Question
    cases: Cases
    found: Found
    watch: Watch | None = None

    def killer(self) -> tuple[Constraint, Any, float] | None:
        """The constraint that the last plans break, and the plan that takes the least of what it limits, of those that
        keep to all before it; None where not one plan is legal.

        A bound may keep to a constraint that the price breaks, so what bounds counted is asked for once more.
        """
        names = [constraint.name for constraint in self.question.constraints]
        for at, constraint in reversed([*enumerate(self.question.constraints)]):
            if self.found.infeasible[constraint.name]:
                nearest = self.best(self.space, constraint.figure, without=names[at:])
                if nearest is not None:
                    return (constraint, *nearest)
        return None

    def best(self, space: TrainingSpace, by: str, without: Sequence[str] = ()) -> tuple[Any, float] | None:
        """The estimate of the best plan by a figure, with some constraints lifted."""
        left = tuple(constraint for constraint in self.question.constraints if constraint.name not in without)
        figures = (by, *OBJECTIVES[by.removeprefix(ESTIMATED)][1:])
        question = evolve(self.question, by=figures, pareto=(), constraints=left, top=1, keep=False)
        cases, rows = self._asked(space, question)
        if not length(rows):
            return None
        estimate = record(cases, rows, 0)[0]
        return estimate, float(Judged.at(estimate, question.confidence).figure(by))

    def would_do(self, **values: Any) -> bool:
        """Whether a plan is feasible where a dimension has another value."""
        question = evolve(self.question, pareto=(), top=1, keep=False, any_will_do=True)
        return length(self._asked(self.space.with_values(**values), question)[1]) > 0

    def _asked(self, space: TrainingSpace, question: Question) -> tuple[Sequence[Any], Columns]:
        """The plans that answer it; none where the space is none."""
        try:
            cases = self.cases(space)
            return cases, run(cases, question, watch=self.watch).found.best.rows
        except BadInputError:
            return (), {}


@frozen(eq=False)
class Change:
    """The smallest change of one option that would do."""

    option: str
    value: Any


@frozen(eq=False)
class Verdict:
    """Why no plan is feasible, and which changes would make one so."""

    constraint: str
    """What kills the last plans."""
    plans: int
    """How many of them it kills."""
    changes: tuple[Change, ...]
    least: float | None = None
    """The least that any of them takes of what is limited; None where not one plan is legal."""
    limit: float | None = None
    nearest: Any = None
    """The estimate of the plan that takes it."""


def verdict(dead: Dead) -> Verdict:
    """Which constraint it is, the plan that comes nearest, and what to change."""
    last = dead.killer()
    others = (*freed(dead), *(() if last is None else more_gpus(dead, last[0])))
    if last is None:
        *_, (constraint, plans) = [("no value is left of a dimension", 0), *dead.found.illegal.items()]
        return Verdict(constraint, plans, others)  # the last: rules are counted in the order of the listing
    killer, estimate, value = last
    changes = (_relaxed(killer, estimate, value), *others)
    return Verdict(killer.name, dead.found.infeasible[killer.name], changes, value, killer.limit_of(estimate), estimate)


def _relaxed(killer: Constraint, estimate: Any, value: float) -> Change:
    """How far the constraint itself would have to give way."""
    if killer.name == "memory-headroom":
        return Change(killer.name, floor((1.0 - value / estimate.memory_capacity_bytes) * 1e3) / 1e3)
    return Change("memory of the accelerator" if killer.name == "memory" else killer.name, value)


def freed(dead: Dead) -> Iterator[Change]:
    """Other values, from the nearest on, of one option that was given."""
    for name in (name for name in NAMES if name in dead.space.values and name != "gpus"):
        found = dead.best(dead.space.with_values(**{name: None}), dead.question.by[0])
        if found is None:
            continue
        value = described(found[0].plan)[option_name(name)]
        for nearer in _between(dead.space.values[name], value):
            if dead.would_do(**{name: nearer}):
                value = nearer
                break
        yield Change(option_name(name), value)


def _between(given: Sequence[Any], value: Any) -> Sequence[Any]:
    """Whole numbers that are nearer to what was given than a value that does, from the nearest on."""
    if type(value) is not int or not all(type(one) is int for one in given):
        return ()
    asked = min(given, key=lambda one: abs(one - value))
    steps = range(1, abs(asked - value))
    return [size for step in steps for size in (asked - step, asked + step) if size > 0][:_MOST_TRIES]


def more_gpus(dead: Dead, killer: Constraint) -> Iterator[Change]:
    """The fewest GPUs beyond those asked for that are a round number: doubled until they do, then in eighths of that,
    as powers of two of whole scale-up domains.
    """
    if "gpus" not in dead.space.values or killer.figure == "cost":
        return
    most, domain = max(dead.space.values["gpus"]), dead.cases(dead.space)[0].choice.hardware.scale_up_domain
    doubled = (most << doublings for doublings in range(1, _MOST_DOUBLINGS + 1))
    for many in (many for many in doubled if many <= MOST_GPUS):
        if dead.would_do(gpus=many):
            step = domain << max(0, (many // (_PARTS * domain)).bit_length() - 1)
            between = range(many // 2 // step * step + step, many, step)
            yield Change("gpus", next((fewer for fewer in between if dead.would_do(gpus=fewer)), many))
            return
