"""The best in closed form, simulated request by request: what does not hold there gives way to a lighter load."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import heapify, heappop, heappush
from typing import Any

from attrs import define, evolve, field, frozen

from llmplan.estimate import Means, ServerEstimate, Simulated
from llmplan.queueing.estimate import closed_estimate
from llmplan.queueing.server import Server
from llmplan.queueing.simulation import simulate
from llmplan.request import InferRequest
from llmplan.search.serving.exploring import Candidate
from llmplan.search.serving.limits import Limits
from llmplan.search.serving.points import Point
from llmplan.search.serving.ranking import rank

REQUESTS, _OF_A_USER = 500, 2
"""That a simulation counts at least, where nothing is said, and of each user."""


@frozen(eq=False)
class Confirmed:
    """A plan that holds as it is simulated, or in closed form where no simulation is asked for."""

    point: Point
    request: InferRequest
    """The options of `llmplan infer` that ask for it alone."""
    estimate: ServerEstimate

    @property
    def means(self) -> Means:
        """As its report has them."""
        return self.estimate.means or self.point.means


@define(eq=False)
class Confirming:
    """Takes candidates, the best in closed form first."""

    objective: str
    limits: Limits
    refuted: list[Point] = field(factory=list)
    """The lightest load of each layout of which no load holds."""

    def best(self, candidates: Sequence[Candidate]) -> Iterator[Confirmed]:
        """One after the other; a plan that had to give way is compared by what it came to."""
        queue: list[tuple[tuple[float, float], int, Any]] = [
            (min(rank(self.objective, point) for point in candidate.points), at, candidate)
            for at, candidate in enumerate(candidates)
        ]
        heapify(queue)
        while queue:
            _, at, first = heappop(queue)
            if isinstance(first, Confirmed):
                yield first
                continue
            held = self._held(first)
            if held is not None:
                heappush(queue, (rank(self.objective, held.estimate), at, held))

    def _held(self, candidate: Candidate) -> Confirmed | None:
        """The best load of the layout that keeps to the limits."""
        for point, simulated in self._tries(candidate):
            measured = self.limits.measured(point.means, simulated)
            if self.limits.broken(measured) is None:
                return confirmed(point, simulated)
        self.refuted.append(point)
        return None

    def _tries(self, candidate: Candidate) -> Iterator[tuple[Point, Simulated | None]]:
        """Ever lighter loads: as much lighter as the last one was off, or half of it."""
        point: Point | None = self._first(candidate.points)
        while point is not None:
            simulated = simulation_of(point)
            yield point, simulated
            limits = self.limits.tightened(point.means, self.limits.measured(point.means, simulated))
            lighter = candidate.loads.within(limits, point)
            point = self._first(lighter) if lighter else candidate.loads.halved(point)

    def _first(self, points: Sequence[Point]) -> Point:
        return min(points, key=lambda point: rank(self.objective, point))


def request_of(point: Point) -> InferRequest:
    """The options of `llmplan infer` that ask for a point alone."""
    layout, case = point.layout, point.layout.case
    load: dict[str, Any] = {} if point.users is None else {"concurrency": point.users}
    if case.request.requests is None and case.request.trace is None:
        load["requests"] = max(REQUESTS, _OF_A_USER * (point.users or 0) // point.dp)
    return case.fixed(layout.tp, layout.pp, point.dp, layout.ep, **load)


def _server_of(point: Point) -> Server:
    """With the load."""
    return evolve(point.layout.times(point.groups), plan=point.layout.case.plan(request_of(point)))


def simulation_of(point: Point) -> Simulated | None:
    """As `llmplan infer` makes it; None where none is asked for."""
    server = _server_of(point)
    return simulate(server, point.means) if server.plan.workload.requests else None


def confirmed(point: Point, simulated: Simulated | None) -> Confirmed:
    """The estimate of a point, as `llmplan infer` makes it."""
    estimate = closed_estimate(_server_of(point), point.layout.case.choice.cost_model.infer, point.means)
    return Confirmed(point, request_of(point), evolve(estimate, simulated=simulated))
