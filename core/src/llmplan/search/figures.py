"""What plans are compared by, at the confidence that was asked for, and what they have to keep to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, TypeAlias

from attrs import field, frozen

from llmplan.arrays.quantities import Number
from llmplan.errors import BadInputError
from llmplan.estimate.figures import ITERATION, TRAIN, objectives
from llmplan.space.fill import at_mfu

Estimate: TypeAlias = Any
"""Of a plan, or of an array of them: `TrainingEstimate`."""


FIGURES: Mapping[str, Callable[[Estimate], Number | None]] = {
    word: figure.of or attrgetter(figure.path or figure.key) for word, figure in objectives(TRAIN).items()
}
"""Less is better, of each."""
ESTIMATED = "estimated "
"""Before the name of a figure: as it is estimated, at whatever confidence."""
_OFF_BY = {
    word: figure.range.removesuffix("_spread") or "nothing"
    for word, figure in objectives(TRAIN).items()
    if figure.range != ITERATION.range
}
"""Whose range a figure has; that of the time, of those that are not here."""
OBJECTIVES: Mapping[str, tuple[str, ...]] = {
    word: (word, "gpu-hours" if word == "time" else "time") for word in objectives(TRAIN)
}
"""The figure to be least, and the one that decides among equals."""


@frozen(eq=False)
class Judged:
    """An estimate, and what its figures are to stay below with a confidence, over what they are estimated to be."""

    estimate: Estimate
    mfu: float | None
    """Stated for the whole run: plans are compared by the cost model, and keep limits at this MFU."""
    factors: Mapping[str, Number]
    left_over: Number = 1.0
    """Tokens of the run / those of its whole iterations."""

    @classmethod
    def at(cls, estimate: Estimate, confidence: float, mfu: float | None = None) -> Judged:
        """Ranges are of the kind of plan: a figure of a bound times this is a bound of the figure."""
        factors = {"nothing": 1.0, "time": 1.0, "memory": 1.0}
        if estimate.spreads is not None:
            time, memory = estimate.spreads(estimate.plan)
            doubt = 1.0 if estimate.plan.efficiency.by_user else time.upper(confidence)
            factors |= {"memory": memory.upper(confidence), "time": doubt}
        whole = estimate.iterations * estimate.tokens_per_iteration
        return cls(estimate, mfu, factors, estimate.plan.tokens / whole)

    def figure(self, name: str) -> Number:
        """At the confidence, or as it is estimated; BadInputError where the plan lacks what it needs."""
        if name.startswith(ESTIMATED):
            return figure(self.estimate, name.removeprefix(ESTIMATED))
        return figure(self.estimate, name) * self.factors[_OFF_BY.get(name, "time")]

    def ranked(self, name: str) -> Number:
        """What plans are compared by: as if the last iteration took part of a batch, so that a batch is no better for
        leaving more tokens over.
        """
        of_time = name.removeprefix(ESTIMATED) not in _OFF_BY
        return self.figure(name) * self.left_over if of_time else self.figure(name)

    def limited(self, name: str) -> Number:
        """What has to keep to a limit: at a stated MFU, nothing of the time is in doubt."""
        if self.mfu is None or name.removeprefix(ESTIMATED) in _OFF_BY:
            return self.figure(name)
        return figure(self.stated, name)

    @property
    def stated(self) -> Estimate:
        """The estimate at the MFU, where one is stated."""
        return self.estimate if self.mfu is None else at_mfu(self.estimate, self.mfu)


def figure(estimate: Estimate, name: str) -> Number:
    """As it is estimated; BadInputError where the plan lacks what it needs."""
    value = FIGURES[name](estimate)
    if value is None:
        raise BadInputError(f"{name}: not known without {objectives(TRAIN)[name].needs}")
    return value


@frozen(eq=False)
class Constraint:
    """What a plan has to keep to: a figure that must not exceed a limit."""

    name: str
    figure: str
    limit: float | None = None
    share_of_memory: float | None = field(default=None)
    """Instead of a limit: of the accelerator's memory."""

    def limit_of(self, estimate: Estimate) -> float:
        """For the accelerator of the plan."""
        if self.share_of_memory is None:
            return float(self.limit or 0.0)
        return self.share_of_memory * float(estimate.memory_capacity_bytes)

    def met(self, judged: Judged) -> Any:
        """Whether each plan keeps to it."""
        return judged.limited(self.figure) <= self.limit_of(judged.estimate)


def constraints(headroom: float, finish_within: float | None, budget: float | None) -> tuple[Constraint, ...]:
    """In the order in which they are asked about. Memory holds at the confidence; the headroom is beside that, free of
    the memory as it is estimated.
    """
    memory = Constraint("memory", "memory", share_of_memory=1.0)
    share = 1.0 - headroom
    room = [Constraint("memory-headroom", f"{ESTIMATED}memory", share_of_memory=share)] if headroom else []
    deadline = [] if finish_within is None else [Constraint("finish-within", "time", finish_within)]
    money = [] if budget is None else [Constraint("budget", "cost", budget)]
    return (memory, *room, *deadline, *money)
