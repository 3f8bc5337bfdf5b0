"""Every layout of every case under every load, and what became of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from attrs import define, field, frozen

from llmplan.errors import BadInputError
from llmplan.search.serving.case import Case, Layout
from llmplan.search.serving.limits import Limits
from llmplan.search.serving.points import Arrivals, Point, Users

Loads: TypeAlias = Users | Arrivals
MEMORY, CAPACITY = "memory", "rate"
"""What a plan may fail beside latencies: its memory, and to answer what comes."""
UNDIVIDED = "gpus and dp in whole replicas"


@frozen(eq=False)
class Candidate:
    """The points of a layout that keep to all limits."""

    loads: Loads
    points: Sequence[Point]


@define(eq=False)
class Explored:
    """All that was looked at."""

    candidates: list[Candidate] = field(factory=list)
    points: list[Point] = field(factory=list)
    """All that were priced, and of what was left out the lightest load."""
    homeless: list[Layout] = field(factory=list)
    """Layouts that do not fit."""
    layouts: int = 0
    legal: int = 0
    priced: int = 0
    illegal: Counter[str] = field(factory=Counter)
    errors: dict[str, BadInputError] = field(factory=dict)
    """The first of each reason by which layouts are illegal."""
    pruned: Counter[str] = field(factory=Counter)
    infeasible: Counter[str] = field(factory=Counter)

    def add(self, layout: Layout, limits: Limits, *, prune: bool) -> None:
        """A layout with its loads."""
        if layout.groups is not None and not layout.groups:
            self.illegal[UNDIVIDED] += 1
            return
        if not layout.server.fits:
            self.homeless.append(layout)
            self._leave_out(MEMORY, 1)
            return
        try:
            for loads in _loads(layout):
                self._add(loads, limits, prune=prune)
        except BadInputError as error:
            self.refuse(error)

    def refuse(self, error: BadInputError) -> None:
        """Count a layout that is no plan, by the option that is at fault."""
        reason = str(error).partition(":")[0]
        self.illegal[reason] += 1
        self.errors.setdefault(reason, error)

    def _add(self, loads: Loads, limits: Limits, *, prune: bool) -> None:
        lightest = loads.lightest
        if lightest is None:
            self._leave_out(CAPACITY, len(loads.numbers))
            return
        slow = limits.broken(lightest.latencies) if prune else None
        if slow is not None:
            self.points.append(lightest)
            self._leave_out(slow, len(loads.numbers))
            return
        kept = loads.within(limits)
        if kept:
            self.candidates.append(Candidate(loads, kept))
        self._count(loads, limits)

    def _leave_out(self, why: str, plans: int) -> None:
        self.legal += plans
        self.pruned[why] += plans
        self.infeasible[why] += plans

    def _count(self, loads: Loads, limits: Limits) -> None:
        points, overloaded = loads.points, loads.overloaded
        self.points += points
        self.legal += len(points) + overloaded
        self.priced += len(points) + overloaded
        self.infeasible[CAPACITY] += overloaded
        for point in points:
            broken = limits.broken(point.latencies)
            if broken is not None:
                self.infeasible[broken] += 1


def _loads(layout: Layout) -> Iterator[Loads]:
    groups = layout.groups
    if layout.case.at_a_rate:
        yield Arrivals(layout, groups)
    else:
        yield from (Users(layout, number) for number in groups or [1])


def explore(cases: Sequence[Case], limits: Limits, found: Explored, *, prune: bool) -> Iterator[Layout]:
    """Layout by layout, each yielded when it is done."""
    for case in cases:
        for layout in case.layouts(found.refuse):
            found.layouts += 1
            found.add(layout, limits, prune=prune)
            yield layout
