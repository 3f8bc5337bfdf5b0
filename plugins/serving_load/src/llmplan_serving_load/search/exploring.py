"""Every layout of every case under every load, and what became of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from attrs import define, field, frozen

from llmplan.errors import BadInputError
from llmplan.records import ServerPlan
from llmplan.space.server_sizes import (
    ReplicaSizes,
    further_pipelines,
    numbers_of_groups,
    pipelines,
    usual_sizes,
)
from llmplan_serving_load.queueing.server import make_server
from llmplan_serving_load.search.case import Case
from llmplan_serving_load.search.fleet import Fleet
from llmplan_serving_load.search.limits import Limits
from llmplan_serving_load.search.loads import Arrivals, Users
from llmplan_serving_load.search.points import Part, Points

Loads: TypeAlias = Users | Arrivals
MEMORY, CAPACITY = "memory", "rate"
"""What a plan may fail beside latencies: its memory, and to answer what comes."""
UNDIVIDED = "gpus and dp in whole replicas"


@frozen(eq=False)
class Candidate:
    """The points of a layout: all that were priced, and which of them keep to all limits."""

    loads: Loads
    at: int
    """Which of the sizes of the fleet."""
    points: Part
    kept: Any


@define(eq=False)
class Explored:
    """All points that were looked at so far."""

    candidates: list[Candidate] = field(factory=list)
    parts: list[Part] = field(factory=list)
    """All points that were priced, and of what was left out the lightest load."""
    homeless: list[tuple[float, Case, ReplicaSizes]] = field(factory=list)
    """Layouts that do not fit, each with the bytes that it misses."""
    overloaded: list[tuple[float, ReplicaSizes, int]] = field(factory=list)
    """Layouts that do not answer all that comes on the most groups there may be: what a GPU answers, sizes, groups."""
    layouts: int = 0
    legal: int = 0
    priced: int = 0
    illegal: Counter[str] = field(factory=Counter)
    errors: dict[str, BadInputError] = field(factory=dict)
    """The first of each reason by which layouts are illegal."""
    pruned: Counter[str] = field(factory=Counter)
    infeasible: Counter[str] = field(factory=Counter)

    @property
    def points(self) -> Points:
        """The points of all parts together."""
        return Points(self.parts)

    def refuse(self, error: BadInputError) -> None:
        """Count a layout that is no plan, by the option that is at fault."""
        reason = str(error).partition(":")[0]
        self.illegal[reason] += 1
        self.errors.setdefault(reason, error)

    def leave_out(self, why: str, plans: int) -> None:
        """Count plans that are not priced."""
        self.legal += plans
        self.pruned[why] += plans
        self.infeasible[why] += plans

    def add(self, candidate: Candidate, limits: Limits, overloaded: int = 0) -> None:
        """The points of a layout that were priced."""
        points = candidate.points
        self.parts.append(points)
        self.legal += len(points.at) + overloaded
        self.priced += len(points.at) + overloaded
        self.infeasible[CAPACITY] += overloaded
        broken = limits.first_broken(points)
        for name, many in broken.items():
            self.infeasible[name] += many
        if candidate.kept.any():
            self.candidates.append(candidate)


def explore(cases: Sequence[Case], limits: Limits, found: Explored, *, prune: bool) -> Iterator[None]:
    """Look at all layouts, case by case."""
    for case in cases:
        legal, sizes = _sizes(case, found)
        found.layouts += len(sizes)
        if legal:
            fleet = Fleet(case, sizes, legal)
            numbers = [numbers_of_groups(one, case.layout, case.apart(one)) for one in sizes]
            if case.at_a_rate:
                _with_arrivals(Arrivals(fleet, numbers), limits, found, prune=prune)
            else:
                _with_users(Users(fleet, numbers), limits, found, prune=prune)
        yield


def _sizes(case: Case, found: Explored) -> tuple[ServerPlan | None, list[ReplicaSizes]]:
    """Those that are legal and fit, with the plan of one of them; what else there was is counted."""
    model, hardware = case.choice.model, case.choice.hardware
    like, sizes = _of_listed(case, pipelines(model, hardware, case.layout), found)
    if sizes:
        return like, sizes
    return _of_listed(case, further_pipelines(model, hardware, case.layout), Explored())


def _of_listed(
    case: Case, listed: Sequence[Sequence[ReplicaSizes]], found: Explored
) -> tuple[ServerPlan | None, list[ReplicaSizes]]:
    plans: dict[ReplicaSizes, ServerPlan] = {}
    held, lacks = [], _missing_bytes(case, [sizes for pipeline in listed for sizes in pipeline])
    for sizes in usual_sizes(listed, case.layout, lambda one: lacks(one) == 0):
        numbers = numbers_of_groups(sizes, case.layout, case.apart(sizes))
        if numbers is not None and not numbers:
            found.illegal[UNDIVIDED] += 1
            continue
        try:
            plans[sizes] = case.plan(case.fixed(sizes, (numbers or [1])[-1]))
        except BadInputError as error:
            found.refuse(error)
            continue
        if lacks(sizes):
            found.homeless.append((lacks(sizes), case, sizes))
            found.leave_out(MEMORY, 1)
        else:
            held.append(sizes)
    return (plans[held[0]] if held else None), held


def _missing_bytes(case: Case, every: Sequence[ReplicaSizes]) -> Callable[[ReplicaSizes], float]:
    """What the longest sequence needs beyond the memory, of any of these sizes; infinite where they are no plan."""
    known: dict[ReplicaSizes, float] = {}
    like = next((plan for sizes in every if (plan := _plan(case, sizes)) is not None), None)
    if like is not None and case.in_arrays:
        servers = Fleet(case, every, like).side_by_side(np.arange(len(every)), np.ones(len(every)))
        known = dict(zip(every, np.broadcast_to(servers.missing_bytes, len(every)).tolist(), strict=True))

    def missing(sizes: ReplicaSizes) -> float:
        if sizes not in known:
            plan = None if like is None else _plan(case, sizes)
            known[sizes] = np.inf if plan is None else float(make_server(plan, case.pricer).missing_bytes)
        return known[sizes]

    return missing


def _plan(case: Case, sizes: ReplicaSizes) -> ServerPlan | None:
    try:
        return case.plan(case.fixed(sizes, 1))
    except BadInputError:
        return None


def _with_users(users: Users, limits: Limits, found: Explored, *, prune: bool) -> None:
    """The lightest load of each layout first, and all others of those that are not too slow even so."""
    listed = users.listed()
    at, groups, numbers = (np.array(each) for each in zip(*((at, g[0], n[0]) for at, g, n in listed), strict=True))
    lightest = users.priced(at, groups, numbers)
    slow = limits.breaks(lightest) & prune
    for one in np.flatnonzero(slow):
        part = lightest.taken([one])
        found.parts.append(part)
        found.leave_out(next(iter(limits.first_broken(part))), len(listed[one][1]))
    kept = [of for of, out in zip(listed, slow, strict=True) if not out]
    if not kept:
        return
    ends = np.cumsum([len(groups) for _, groups, _ in kept])
    every = users.priced(
        np.repeat([at for at, _, _ in kept], [len(groups) for _, groups, _ in kept]),
        np.concatenate([groups for _, groups, _ in kept]),
        np.concatenate([numbers for _, _, numbers in kept]),
    )
    for (number, of_groups, _), end in zip(kept, ends, strict=True):
        points = every.taken(slice(end - len(of_groups), end))
        found.add(Candidate(users, number, points, ~limits.breaks(points)), limits)


def _with_arrivals(arrivals: Arrivals, limits: Limits, found: Explored, *, prune: bool) -> None:
    """The most replicas of each layout first, then as few as hold of those that are not too slow even so."""
    which, answers = range(len(arrivals.fleet.sizes)), arrivals.fleet.most_rate()
    lightest = arrivals.priced([(at, arrivals.ranges[at][1]) for at in which])
    going = []
    for at, part in zip(which, lightest, strict=True):
        number = len(arrivals.given[at] or (1,))
        if part is None:
            groups = arrivals.ranges[at][1]
            of_gpu = float(answers[at]) / arrivals.fleet.sizes[at].gpus
            found.overloaded.append((of_gpu, arrivals.fleet.sizes[at], groups))
            found.leave_out(CAPACITY, number)
            continue
        if prune and limits.breaks(part)[0]:
            found.parts.append(part)
            found.leave_out(next(iter(limits.first_broken(part))), number)
            continue
        going.append(at)
    arrivals.within(limits, going)
    for at in going:
        tried = [part for _, part in arrivals.tried(at)]
        points = Part.joined([part for part in tried if part is not None])
        kept = ~limits.breaks(points)
        found.add(Candidate(arrivals, at, points, kept), limits, tried.count(None))
