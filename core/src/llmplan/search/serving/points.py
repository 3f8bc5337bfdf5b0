"""Loads of a layout, each priced in closed form: users at once, or replicas that share what comes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from math import ceil, floor

from attrs import frozen

from llmplan.errors import BadInputError
from llmplan.estimate import Means
from llmplan.queueing.capacity import peak
from llmplan.queueing.closed_form import open_means
from llmplan.queueing.closed_loop import ClosedLoop
from llmplan.search.serving.case import Layout
from llmplan.search.serving.limits import Latencies, Limits, latencies_of

_SECONDS_PER_HOUR = 3600.0
_MILLION = 1e6
_IDLE = 0.01
"""Of what it can answer: replicas that have less to do are not tried."""


@frozen(eq=False)
class Point:
    """A layout, how many replicas of it there are, and a load."""

    layout: Layout
    groups: int
    """Of replicas that share experts, each the least that can stand alone."""
    users: int | None
    """In all; None where requests come at a rate."""
    means: Means
    """In closed form."""

    @property
    def dp(self) -> int:
        """Replicas."""
        return self.groups * self.layout.dp

    @property
    def gpus(self) -> int:
        """In all."""
        layout = self.layout
        return layout.gpus + (self.groups - 1) * layout.tp * layout.pp * layout.dp

    @property
    def latencies(self) -> Latencies:
        """By option."""
        return latencies_of(self.means)

    @property
    def tokens_per_second(self) -> float:
        """Generated, in all."""
        rate = self.layout.server.plan.workload.rate or self.means.requests_per_second
        return rate * self.layout.server.work.output_tokens

    @property
    def tokens_per_second_per_gpu(self) -> float:
        """The same of each."""
        return self.tokens_per_second / self.gpus

    @property
    def cost_per_million_tokens(self) -> float | None:
        """None where no price is known."""
        price, speed = self.layout.case.request.price_per_gpu_hour, self.tokens_per_second
        return None if price is None or not speed else price * self.gpus / _SECONDS_PER_HOUR / speed * _MILLION


class Users:
    """Of a number of groups of replicas: every number of users, as many of each replica, that have room."""

    overloaded = 0
    """Users wait for each other: there are never too many."""

    def __init__(self, layout: Layout, groups: int) -> None:
        self.layout, self.groups = layout, groups
        self._server = layout.times(groups)
        self._loop = ClosedLoop(self._server)

    @cached_property
    def numbers(self) -> Sequence[int]:
        """Those that are given, or as far as there is room: more would only wait."""
        given = self.layout.case.layout.get("concurrency")
        if given is not None:
            return given
        server = self._server
        step = 1 if server.separate else server.decode_replicas
        return range(int(step), int(server.most_sequences * server.decode_replicas) + 1, int(step))

    @cached_property
    def lightest(self) -> Point:
        """With the fewest users."""
        return self._priced(self.numbers[0])

    @cached_property
    def points(self) -> list[Point]:
        """All of them, the lightest first."""
        return [self._priced(users) for users in self.numbers]

    def _priced(self, users: int) -> Point:
        return Point(self.layout, self.groups, users, self._loop.means(users))

    def within(self, limits: Limits, than: Point | None = None) -> list[Point]:
        """Those that keep to the limits, of lighter loads than that."""
        lighter = self.points if than is None else self._lighter(than)
        return [point for point in lighter if limits.broken(point.latencies) is None]

    def halved(self, point: Point) -> Point | None:
        """About half the load; None where there is no less."""
        lighter = self._lighter(point)
        return lighter[len(lighter) // 2] if lighter else None

    def _lighter(self, than: Point) -> list[Point]:
        return [point for point in self.points if (point.users or 0) < (than.users or 0)]


class Arrivals:
    """Of requests that come at a rate: as few groups of replicas as keep to limits, or so many as are given.

    That latencies fall as replicas join is taken for granted: not every number is tried.
    """

    def __init__(self, layout: Layout, groups: Sequence[int] | None) -> None:
        self.layout, self._given = layout, groups
        self._rate = layout.server.plan.workload.offered_rate or 0.0
        self._known: dict[int, Point | None] = {}

    @cached_property
    def _range(self) -> tuple[int, int]:
        """The fewest that answer all that comes, and the most that have something to do."""
        if self._given:
            return self._given[0], self._given[-1]
        least = floor(self._rate / peak(self.layout.server).rate) + 1
        return least, ceil(least / _IDLE)

    @cached_property
    def numbers(self) -> Sequence[int]:
        """What is given; else what is tried first."""
        return self._given or [self._range[0]]

    @cached_property
    def lightest(self) -> Point | None:
        """On the most replicas; None where not even these answer all that comes."""
        return self._priced(self._range[1])

    @property
    def points(self) -> list[Point]:
        """Those that were tried and answer all that comes, the lightest first."""
        known = (self._known[groups] for groups in sorted(self._known, reverse=True))
        return [point for point in known if point is not None]

    @property
    def overloaded(self) -> int:
        """How many of those that were tried do not."""
        return len(self._known) - len(self.points)

    def _at(self, groups: int) -> Point | None:
        if groups not in self._known:
            self._known[groups] = self._priced(groups)
        return self._known[groups]

    def _priced(self, groups: int) -> Point | None:
        try:
            means = open_means(self.layout.times(groups), self._rate)
        except BadInputError:  # the links that so many would need are not there
            return None
        return None if means is None else Point(self.layout, groups, None, means)

    def within(self, limits: Limits, than: Point | None = None) -> list[Point]:
        """The one with the fewest replicas that keeps to the limits, with more of them than that."""
        above = 0 if than is None else than.groups

        def held(groups: int | None) -> list[Point]:
            point = None if groups is None else self._at(groups)
            return [point] if point is not None and limits.broken(point.latencies) is None else []

        if self._given is not None:
            return [point for groups in self._given if groups > above for point in held(groups)]
        least, most = self._range
        return held(fewest(lambda groups: bool(held(groups)), max(least, above + 1), most))

    def halved(self, point: Point) -> Point | None:
        """On twice the replicas; None where they would have nothing to do."""
        more = [groups for groups in self._given or [2 * point.groups] if groups > point.groups]
        return self._at(more[0]) if more and more[0] <= self._range[1] else None


def fewest(holds: Callable[[int], bool], least: int, most: int) -> int | None:
    """The smallest number from which on it holds: ever larger steps from the least, then halves of the last one."""
    below, step = least - 1, 1
    while not holds(min(most, below + step)):
        if below + step >= most:
            return None
        below, step = below + step, 2 * step
    above = min(most, below + step)
    while above - below > 1:
        middle = (below + above) // 2
        below, above = (below, middle) if holds(middle) else (middle, above)
    return above
