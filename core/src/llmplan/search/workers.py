"""One share of a search: list plans, drop what bounds rule out, price the rest, keep the best. Workers run this."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from attrs import define, field, frozen

from llmplan.arrays.rows import Columns, joined, kept, length, pieces
from llmplan.estimate.figures import ITERATION, MFU, TRAIN, TRAINING, objectives
from llmplan.records.plan import CONFIDENCE
from llmplan.search.best import Best, Frontier, dominated, worse
from llmplan.search.figures import ESTIMATED, FIGURES, Constraint, Judged
from llmplan.space.case import TrainingCase
from llmplan.space.enumerate import Listing

CANNOT_WIN = "cannot win"
CHUNK = 32_768
"""Plans that are priced at once: few enough to stay in the cache, enough to share what they have in common."""
_LISTED = 4
"""Times as many are listed and bounded at once: a bound is of few plans, and as slow for fewer."""
PLAIN_ZERO = 1
"""The highest ZeRO stage that somebody would begin with."""
_PRICED = (ITERATION.key, TRAINING.key, MFU.key)
"""What is kept of a priced plan beside its figures."""
_POINT = 0.5
"""The confidence of the point estimate."""
_HALF_OF_NOISE = 1 << 15
"""The last 16 of the 52 bits of a float are rounded away."""


@frozen(eq=False)
class Question:
    """What is asked of every plan."""

    by: tuple[str, ...]
    """Figures of the objective: the first decides, then the next."""
    pareto: tuple[str, ...]
    constraints: tuple[Constraint, ...]
    top: int
    confidence: float = CONFIDENCE
    """With which figures stay below what plans are compared by."""
    stated: bool = False
    """Whether the time is the user's, by an MFU: no range of it decides."""
    chunk: int = CHUNK
    keep: bool = False
    """Whether every priced plan is kept."""
    prune: bool = True
    """Whether plans that bounds rule out are left out."""
    threshold: tuple[float, ...] | None = None
    """Figures of the objective that so many plans as are wanted are known to reach."""
    point_threshold: tuple[float, ...] | None = None
    """The same as they are estimated, of one plan."""
    frontier: Columns | None = None
    """What is known of the frontier."""
    usual: bool = False
    """Whether only the usual plans are looked at."""
    any_will_do: bool = False
    """Whether the search ends with the first plans that are feasible: one does, the best or not."""

    def is_answered(self, found: Found) -> bool:
        """Whether no further plan is worth a look."""
        return self.any_will_do and length(found.best.rows) > 0

    @property
    def figures(self) -> tuple[str, ...]:
        """All that plans are compared by."""
        return tuple(dict.fromkeys((*self.by, *self.pareto)))

    @property
    def alike(self) -> tuple[str, ...]:
        """What plans of the same sizes have in common that a list shows once; none where one plan is wanted."""
        names = dict.fromkeys((*self.by, "time", "memory")) if self.top > 1 else ()
        return tuple(f"{ESTIMATED}{name.removeprefix(ESTIMATED)}" for name in names)

    @property
    def point(self) -> tuple[str, ...]:
        """The figures of the objective as they are estimated; none where that makes no difference."""
        if self.stated or self.confidence == _POINT:
            return ()
        return tuple(f"{ESTIMATED}{name.removeprefix(ESTIMATED)}" for name in self.by)


@define(eq=False)
class Found:
    """What a share of the plans came to; shares merge into one, in order."""

    best: Best
    point: Best
    """What the estimates alone would have chosen of the same plans, without their ranges."""
    frontier: Frontier
    simplest: Best
    """The plan that `TIES` puts first of the plain ones that are feasible."""
    legal: int = 0
    priced: int = 0
    illegal: Counter[str] = field(factory=Counter)
    pruned: Counter[str] = field(factory=Counter)
    """By the constraint that not even the bound keeps to, and those that cannot win."""
    infeasible: Counter[str] = field(factory=Counter)
    """By the first constraint that a plan breaks, whether its bound told or its price."""
    kept: list[Columns] = field(factory=list)

    @classmethod
    def nothing(cls, question: Question) -> Found:
        """What has been found before the first plan is looked at."""
        point = Best(1 if question.point else 0, question.point)
        best = Best(question.top, question.by, question.alike)
        return cls(best, point, Frontier(question.pareto), Best(1, ("worded",)))

    def merge(self, other: Found) -> None:
        """With a share that comes after this one."""
        for name in ("best", "point", "frontier", "simplest"):
            theirs = getattr(other, name)
            if length(theirs.rows):
                getattr(self, name).add(theirs.rows)
        self.legal += other.legal
        self.priced += other.priced
        for tally in ("illegal", "pruned", "infeasible"):
            getattr(self, tally).update(getattr(other, tally))


def explore(case: TrainingCase, roots: Columns, question: Question) -> Found:
    """Every plan that begins with one of these roots."""
    found = Found.nothing(question)
    waiting: list[Columns] = []
    for columns in Listing(case).plans(roots, _LISTED * question.chunk, found.illegal, usual=question.usual):
        found.legal += length(columns)
        left = _not_ruled_out(case, columns, question, found)
        if length(left):
            waiting.append(left)
        if sum(map(length, waiting)) >= question.chunk:
            _price_all(case, waiting, question, found)
            waiting = []
            if question.is_answered(found):
                break
    if waiting:
        _price_all(case, waiting, question, found)
    return found


def _price_all(case: TrainingCase, waiting: Sequence[Columns], question: Question, found: Found) -> None:
    for piece in pieces(joined(waiting), question.chunk):
        _price(case, piece, question, found)


def _not_ruled_out(case: TrainingCase, columns: Columns, question: Question, found: Found) -> Columns:
    """Plans whose bounds keep to every constraint, and which could still be among the best."""
    bound = case.bound(case.plans(columns)) if question.prune else None
    if bound is None:
        return columns
    judged = Judged.at(bound, question.confidence, case.request.mfu)
    broken = _broken(judged, columns, question, found, found.pruned)
    lost = ~broken & _lost(_compared(judged, question, len(broken)), question, found)
    if question.usual and lost.any():
        lost &= ~_simpler(columns, found.simplest)
    if lost.any():
        found.pruned[CANNOT_WIN] += int(np.count_nonzero(lost))
    return kept(columns, ~(broken | lost))


def _compared(judged: Judged, question: Question, plans: int) -> Columns:
    """What plans are compared by, as columns."""
    names = (*question.figures, *question.point)
    return _columns(judged, names, plans)


def _columns(judged: Judged, names: Sequence[str], plans: int) -> Columns:
    return {name: np.broadcast_to(_rounded(judged.ranked(name)), plans) for name in names}


def _rounded(figure: Any) -> Any:
    """To 11 digits: where the last bits of a sum differ, plans are equal."""
    bits = np.asarray(figure, dtype=float).view(np.int64)
    return ((bits + _HALF_OF_NOISE) & ~(2 * _HALF_OF_NOISE - 1)).view(float)


def _lost(rows: Columns, question: Question, found: Found) -> Any:
    """Which plans cannot be among the best, nor on the frontier, by what is known of these.

    Of the usual plans by what this share has found so far, which makes no difference to what it finds.
    """
    threshold = found.best.threshold() if question.usual else question.threshold
    point = found.point.threshold() if question.usual else question.point_threshold
    frontier = found.frontier.rows if question.usual else question.frontier
    if threshold is None or (point is None and question.point):
        return np.zeros(length(rows), dtype=bool)
    lost = worse(rows, question.by, threshold)
    if question.point:
        lost = lost & worse(rows, question.point, point or ())
    lost = lost | np.isinf(rows[question.by[0]])  # where no plan ever ends, any that is known will do
    return lost & dominated(rows, frontier or {}, question.pareto, strictly=True) if question.pareto else lost


def _simpler(columns: Columns, simplest: Best) -> Any:
    """Which plans may come before the simplest so far, of those that somebody would begin with."""
    plain = columns["zero"] <= PLAIN_ZERO
    if not simplest.rows:
        return plain
    size = tuple(float(simplest.rows[name][0]) for name in _SIMPLE)
    return plain & ~worse(columns, _SIMPLE, size)


def _broken(judged: Judged, columns: Columns, question: Question, found: Found, *tallies: Counter[str]) -> Any:
    """Which plans break a constraint; each counts for the first that it breaks."""
    broken = np.zeros(length(columns), dtype=bool)
    for constraint in question.constraints:
        fresh = ~broken & ~np.broadcast_to(constraint.met(judged), len(broken))
        many = int(np.count_nonzero(fresh))
        if many:
            for tally in (found.infeasible, *tallies):
                tally[constraint.name] += many
            broken |= fresh
    return broken


def _price(case: TrainingCase, columns: Columns, question: Question, found: Found) -> None:
    judged = Judged.at(case.price_all(case.plans(columns)), question.confidence, case.request.mfu)
    plans = length(columns)
    found.priced += plans
    values = _compared(judged, question, plans)
    feasible = ~_broken(judged, columns, question, found)
    if question.keep:
        ranked = {"ranked_by": values[question.by[0]].copy()}
        figures = {**_all_figures(judged, plans), **_range_columns(judged.stated, plans)}
        found.kept.append({**columns, **figures, **ranked, "feasible": feasible})
    rows = kept({**columns, **values, **_columns(judged, question.alike, plans)}, feasible)
    if not length(rows):
        return

    def finish(few: Columns) -> Columns:
        return {**few, "worded": case.worded(few)}

    found.best.add(rows, finish)
    if question.point:
        found.point.add(rows, finish)
    if question.pareto:
        found.frontier.add(rows, finish)
    if question.usual or not question.prune:
        rows = kept(rows, _simpler(rows, found.simplest))
        found.simplest.add(finish(rows if question.usual else kept(rows, Listing(case).usual(rows))))


def _all_figures(judged: Judged, plans: int) -> Columns:
    """Those that are known, as they are estimated, as columns of their own."""
    estimate = judged.stated
    known = {name: value for name, of in FIGURES.items() if name != "gpus" and (value := of(estimate)) is not None}
    named = {_FIELDS[name]: value for name, value in known.items()}
    extra = {name: getattr(estimate, name) for name in _PRICED}
    return {name: np.broadcast_to(value, plans).copy() for name, value in {**named, **extra}.items()}


def _range_columns(estimate: Any, plans: int) -> Columns:
    """The ends of the range of the time over the estimate, and what it rests on."""
    spread = estimate.time_spread
    names = {"time_low": "low", "time_high": "high", "published_runs": "rows", "extrapolated": "extrapolated"}
    return {column: np.broadcast_to(getattr(spread, name), plans).copy() for column, name in names.items() if spread}


_SIMPLE = ("case", "gpus", "model_parallel")
_FIELDS = {word: figure.key for word, figure in objectives(TRAIN).items()}
