"""The best in closed form, simulated request by request: what does not hold there gives way to a lighter load."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import heapify, heappop, heappush
from typing import Any

from attrs import define, evolve, field, frozen

from llmplan.records import ServerEstimate
from llmplan.requests import InferRequest
from llmplan.search.inference.exploring import Candidate
from llmplan.search.inference.limits import Limits
from llmplan.search.inference.points import Point
from llmplan.search.inference.ranking import rank
from llmplan.serving import estimate_server

REQUESTS, _OF_A_USER = 500, 2
"""That a simulation counts at least, where nothing is said, and of each user."""


@frozen(eq=False)
class Confirmed:
    """A plan that holds as it is simulated, or in closed form where no simulation is asked for."""

    point: Point
    request: InferRequest
    """The options of `llmplan infer` that ask for it alone."""
    estimate: ServerEstimate


@define(eq=False)
class Confirming:
    """Takes candidates, the best in closed form first, until as many hold as are wanted."""

    objective: str
    limits: Limits
    refuted: list[tuple[Point, dict[str, float | None]]] = field(factory=list)
    """The lightest load of a layout of which no load holds, with what was measured."""

    def best(self, candidates: Sequence[Candidate], top: int) -> list[Confirmed]:
        """In order; a plan that had to give way is compared by what it came to."""
        queue: list[tuple[tuple[float, float], int, Any]] = [
            (min(rank(self.objective, point) for point in candidate.points), at, candidate)
            for at, candidate in enumerate(candidates)
        ]
        heapify(queue)
        found: list[Confirmed] = []
        while queue and len(found) < top:
            _, at, first = heappop(queue)
            if isinstance(first, Confirmed):
                found.append(first)
                continue
            held = self._held(first)
            if held is not None:
                heappush(queue, (rank(self.objective, held.estimate), at, held))
        return found

    def _held(self, candidate: Candidate) -> Confirmed | None:
        """The best load of the layout that keeps to the limits."""
        tried = None
        for tried in self._tries(candidate):
            if self.limits.broken(self.limits.measured(tried.estimate)) is None:
                return tried
        if tried is not None:
            self.refuted.append((tried.point, self.limits.measured(tried.estimate)))
        return None

    def _tries(self, candidate: Candidate) -> Iterator[Confirmed]:
        """Ever lighter loads: as much lighter as the last one was off, or half of it."""
        points = candidate.points
        point: Point | None = self._first(points)
        while point is not None:
            tried = simulated(point)
            yield tried
            if point.means is None:
                return
            limits = self.limits.tightened(point.means, self.limits.measured(tried.estimate))
            lighter = candidate.loads.within(limits, point)
            point = self._first(lighter) if lighter else candidate.loads.halved(point)

    def _first(self, points: Sequence[Point]) -> Point:
        return min(points, key=lambda point: rank(self.objective, point))


def simulated(point: Point) -> Confirmed:
    """The estimate of a point, as `llmplan infer` makes it."""
    layout, case = point.layout, point.layout.case
    requests = case.request.requests
    load: dict[str, Any] = {} if point.users is None else {"concurrency": point.users}
    if requests is None and case.request.trace is None:
        load["requests"] = max(REQUESTS, _OF_A_USER * (point.users or 0))
    request = case.fixed(layout.tp, layout.pp, point.dp, layout.ep, **load)
    plan = case.plan(layout.tp, layout.pp, point.dp, layout.ep, **load)
    server = evolve(layout.times(point.groups), plan=plan)
    return Confirmed(point, request, estimate_server(server, case.choice.cost_model.infer))
