"""The best in closed form, simulated request by request: what does not hold there gives way to a lighter load."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from heapq import heapify, heappop, heappush
from typing import Any

import numpy as np
from attrs import define, evolve, field, frozen

from llmplan.estimate import Means, ServerEstimate, Simulated
from llmplan.request import InferRequest
from llmplan.space.asked import inferred, served
from llmplan.space.kept import exceeded
from llmplan_serving_load.model import ContinuousBatching
from llmplan_serving_load.queueing.estimate import closed_estimate, closed_form, within
from llmplan_serving_load.queueing.known import Known
from llmplan_serving_load.queueing.server import Server, make_server
from llmplan_serving_load.search.exploring import Candidate
from llmplan_serving_load.search.limits import Latencies, Limits, excess_of, times_as_long
from llmplan_serving_load.search.loads import Arrivals, load_of
from llmplan_serving_load.search.points import Part, Point
from llmplan_serving_load.search.ranking import Rank, first_of, rank

REQUESTS, _OF_A_USER = 500, 2
"""That a simulation counts at least, where nothing is said, and of each user."""
_OF_LEAST = 0.75
_NEAR = 3
"""Layouts that are simulated where none keeps to the limits in closed form."""


@frozen(eq=False)
class Confirmed:
    """A plan that holds as it is simulated, or in closed form where no simulation is asked for."""

    point: Point
    request: InferRequest
    """The options of `llmplan infer` that ask for it alone."""
    estimate: ServerEstimate

    @property
    def exceeded(self) -> float:
        """Times that a latency exceeds its limit, as its report says it; 1 where all hold."""
        return exceeded(self.estimate, self.request)

    @property
    def means(self) -> Means:
        """The latencies that its report shows."""
        return self.estimate.means or self.point.means


@define(eq=False)
class Confirming:
    """Takes candidates, the best in closed form first, and says in which order they hold."""

    objective: str
    limits: Limits
    refuted: list[Point] = field(factory=list)
    """The lightest load of each layout of which no load holds."""
    _servers: dict[Any, Known] = field(factory=dict)
    _tried: dict[Any, Tried] = field(factory=dict)
    _longer: dict[str, float] = field(factory=dict)
    """By option, times that what was measured is as long as in closed form: the least of all that were tried."""

    def tried(self, point: Point) -> Tried:
        """A point as `llmplan infer` makes it."""
        key = point.case.index, point.sizes, point.groups, point.users
        return self._tried.setdefault(key, Tried(point, self._servers))

    def nearest(self, parts: Sequence[Part]) -> Iterator[Confirmed]:
        """Where nothing keeps to the limits in closed form, of which a simulation may differ: what comes nearest to
        them, the nearest as it is simulated first.
        """
        points = [part.point(int(np.argmin(excess_of(self.limits, part)))) for part in parts if len(part.at)]
        points.sort(key=lambda point: float(excess_of(self.limits, point.part)[0]))
        known = {(point.case.index, point.sizes) for point in self.refuted}
        others = [point for point in points if (point.case.index, point.sizes) not in known]
        tried = [self.tried(point) for point in (*self.refuted, *others[:_NEAR])]
        yield from sorted((one.confirmed() for one in tried if one.answers), key=lambda one: one.exceeded)

    def best(self, candidates: Sequence[Candidate]) -> Iterator[Confirmed]:
        """One after the other; each is compared by what it came to."""
        queue: list[tuple[Rank, int, Any]] = [
            (rank(self.objective, first_of(self.objective, candidate.points, candidate.kept)), at, candidate)
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
                heappush(queue, (rank(self.objective, held.point, held.estimate), at, held))

    def _held(self, candidate: Candidate) -> Confirmed | None:
        """The best load of the layout that keeps to the limits."""
        for tried in self._tries(candidate):
            if tried.answers and (confirmed := tried.confirmed()).exceeded <= 1.0:
                return confirmed
        self.refuted.append(tried.point)
        return None

    def _tries(self, candidate: Candidate) -> Iterator[Tried]:
        """Ever lighter loads: as much lighter as the last one was off, or half of it."""
        point: Point | None = first_of(self.objective, candidate.points, self._likely(candidate))
        while point is not None:
            tried = self.tried(point)
            yield tried
            longer = self.limits.longer(point.means, self.limits.measured(tried.means, tried.simulated))
            self._longer = {name: min(times, self._longer.get(name, times)) for name, times in longer.items()}
            limits = self.limits.tightened(longer)
            points = self._lighter(candidate, limits, point)
            kept = ~limits.breaks(points)
            point = first_of(self.objective, points, kept) if kept.any() else _halved(points)

    def _likely(self, candidate: Candidate) -> Any:
        """Of loads that nobody has given those that hold even if what is measured is only `_OF_LEAST` as much longer
        than the closed forms as it was of all that were tried; of others, and where none does, all that are kept.
        """
        case, least = candidate.points.fleet.case, {name: _part(times) for name, times in self._longer.items()}
        if case.at_a_rate or case.users is not None:
            return candidate.kept
        likely = candidate.kept & ~self.limits.tightened(least).breaks(candidate.points)
        return likely if likely.any() else candidate.kept

    def _lighter(self, candidate: Candidate, limits: Limits, than: Point) -> Part:
        """Points of the layout with less to do for each replica, the lightest first."""
        points, loads = candidate.points, candidate.loads
        if isinstance(loads, Arrivals):
            loads.within(limits, [candidate.at], {candidate.at: than.groups})
            if loads.given[candidate.at] is None:  # twice as many, in case that no number keeps to the limits
                loads.priced([(candidate.at, min(2 * than.groups, loads.ranges[candidate.at][1]))])
            tried = [part for groups, part in loads.tried(candidate.at) if part is not None and groups > than.groups]
            return Part.joined(tried) if tried else points.taken(np.zeros(0, int))
        lighter = np.flatnonzero(points.users / points.dp < load_of(than))
        order = np.argsort((points.users / points.dp)[lighter], kind="stable")
        return points.taken(lighter[order])


def _part(times: float) -> float:
    return 1.0 + _OF_LEAST * (times - 1.0)


def _halved(points: Part) -> Point | None:
    """About half the load, of lighter ones; None where there is no less."""
    return points.point(len(points.at) // 2) if len(points.at) else None


def request_of(point: Point) -> InferRequest:
    """The options of `llmplan infer` that ask for a point alone."""
    case = point.case
    load: dict[str, Any] = {} if point.users is None else {"concurrency": point.users}
    if case.request.requests is None and case.request.trace is None:
        load["requests"] = max(REQUESTS, _OF_A_USER * (point.users or 0) // point.dp)
    return case.fixed(point.sizes, point.groups, **load)


@frozen(eq=False, slots=False)
class Tried:
    """A point as `llmplan infer` makes it."""

    point: Point
    servers: dict[Any, Known]
    """Of other loads."""

    @cached_property
    def request(self) -> InferRequest:
        """The options that ask for it alone."""
        return request_of(self.point)

    @cached_property
    def known(self) -> Known:
        """The server with its load, on replicas whose steps are priced once for all loads."""
        case = self.point.case
        plan, key = case.plan(self.request), (case.index, self.point.sizes, self.point.groups)
        if key not in self.servers:
            server = make_server(plan, case.pricer, ahead=case.in_arrays)
            self.servers[key] = Known(server, cost_model=getattr(case.pricer, "cost_model", None))
        return Known(evolve(self.servers[key].server, plan=plan), self.servers[key])

    @property
    def server(self) -> Server:
        """The server that is simulated, with its replicas."""
        return self.known.server

    @cached_property
    def closed(self) -> Means | None:
        """In closed form, to the last digit as in arrays; requests of one instant come at no rate."""
        workload = self.server.plan.workload
        at_once = bool(workload.trace) and workload.offered_rate is None
        return closed_form(self.server) if at_once else self.point.means

    @cached_property
    def simulated(self) -> Simulated | None:
        """None where none is asked for."""
        if self._elsewhere is not None:
            return self._elsewhere.simulated
        return self.known.simulated(self.closed) if self.server.plan.workload.requests else None

    @property
    def means(self) -> Means:
        """In closed form, as it is confirmed."""
        elsewhere = self._elsewhere
        return self.point.means if elsewhere is None or elsewhere.means is None else elsewhere.means

    def counted_on(self, limits: Limits) -> Latencies:
        """What latencies stay below with the confidence asked for, as `limits` measure them."""
        return times_as_long(limits.measured(self.means, self.simulated), self.point.longer)

    @property
    def answers(self) -> bool:
        """Whether it fits and answers what comes, as it is confirmed."""
        return self._elsewhere is None or self._elsewhere.feasible

    @cached_property
    def _elsewhere(self) -> ServerEstimate | None:
        """As another server model has it, where it is another that counts."""
        case = self.point.case
        if isinstance(case.server_model, ContinuousBatching):
            return None
        return served(case.server_model, case.plan(self.request), case.pricer, case.choice.cost_model)

    def confirmed(self) -> Confirmed:
        """The plan together with its estimate."""
        if self._elsewhere is not None:
            return Confirmed(self.point, self.request, self._elsewhere)
        batches = partial(inferred, self.point.case.choice.cost_model)
        estimate = closed_estimate(self.server, batches, self.closed, self.known)
        found = self.simulated
        if found is not None and estimate.capacity is not None:
            found = within(estimate.capacity, found)
        return Confirmed(self.point, self.request, evolve(estimate, simulated=found))
