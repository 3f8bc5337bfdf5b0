"""Loads of the layouts of a fleet: users at once, or replicas that share what comes; all layouts in step."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from math import ceil, floor, inf
from typing import Any

import numpy as np

from llmplan.estimate.server import NEARLY_FULL
from llmplan_serving_load.search.fleet import Fleet
from llmplan_serving_load.search.limits import Limits
from llmplan_serving_load.search.points import Part, Point

TOTAL = "total_seconds"
_IDLE = 0.01
"""Of what it can answer: replicas that have less to do are not tried."""

Asked = Generator[int, bool, int | None]
"""Asks whether so many groups hold, and returns the fewest that do."""


class Users:
    """Numbers of users that are given, or as many as have room; on numbers of groups that are given, or any."""

    def __init__(self, fleet: Fleet, numbers: Sequence[Sequence[int] | None]) -> None:
        self.fleet = fleet
        self._given = numbers
        """How many groups of each of the fleet's sizes there may be; None where that is open."""

    def listed(self) -> list[tuple[int, Any, Any]]:
        """Of each of the sizes, groups and users of every point, the lightest load first."""
        most = self.fleet.most_sequences()
        return [(at, *self._of(at, int(most[at]))) for at in range(len(self.fleet.sizes))]

    def _of(self, at: int, most: int) -> tuple[Any, Any]:
        sizes, users, given = self.fleet.sizes[at], self.fleet.case.users, self._given[at]
        if users is None:
            apart = self.fleet.case.request.prefill_replicas
            pairs = []
            for groups in given or [1]:
                replicas = groups * sizes.dp
                step = 1 if apart else replicas  # as many users of each, where each has its own
                pairs += [(groups, number) for number in range(step, most * replicas + 1, step)]
        else:
            few = given or range(1, ceil(max(users) / sizes.dp) + 1 if sizes.ep <= sizes.dp else 2)
            pairs = [(groups, number) for number in users for groups in reversed(few)]
        columns = np.array(pairs, dtype=float)
        return columns[:, 0], columns[:, 1]

    def priced(self, at: Any, groups: Any, users: Any) -> Part:
        """The points of these layouts under their loads, priced in closed form."""
        means, strained, longer = self.fleet.with_users(at, groups, users)
        return Part(self.fleet, at, groups, users, means, strained, longer)


class Arrivals:
    """Of requests that come at a rate: as few groups of replicas as keep to limits, or so many as are given.

    That latencies fall as replicas join is taken for granted: not every number is tried.
    """

    def __init__(self, fleet: Fleet, numbers: Sequence[Sequence[int] | None]) -> None:
        self.fleet, self.given = fleet, numbers
        self._rate = fleet.rate or 0.0
        self._known: dict[tuple[int, int], Part | None] = {}

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """Of each of the sizes the fewest groups that answer all that comes, and the most that have something to do."""
        if not hasattr(self, "_ranges"):
            fewest = [floor(self._rate / one) + 1 for one in self.fleet.most_rate().tolist()]
            self._ranges = [
                (given[0], given[-1]) if given else (few, max(few, self._most(at, few)))
                for at, (few, given) in enumerate(zip(fewest, self.given, strict=True))
            ]
        return self._ranges

    def _most(self, at: int, few: int) -> int:
        """A replica for each request of a trace leaves nothing to wait for."""
        requests = len(self.fleet.like.workload.trace)
        alone = ceil(requests / self.fleet.sizes[at].dp) if requests else inf
        return int(min(ceil(few / _IDLE), alone))

    def priced(self, asked: Sequence[tuple[int, int]]) -> list[Part | None]:
        """Points of sizes and numbers of groups; None where these do not answer all that comes, or are refused."""
        new = [pair for pair in dict.fromkeys(asked) if pair not in self._known]
        if new:
            at, groups = np.array([at for at, _ in new]), np.array([float(groups) for _, groups in new])
            means, share, longer = self.fleet.at_rate(at, groups, self._rate)
            strained = (share > NEARLY_FULL) | np.isinf(longer[TOTAL])
            every = Part(self.fleet, at, groups, np.zeros(len(new)), means, strained, longer)
            holds = (share < 1.0) & ~self.fleet.refused(at, groups)
            self._known.update(
                {pair: every.taken([number]) if holds[number] else None for number, pair in enumerate(new)}
            )
        return [self._known[pair] for pair in asked]

    def tried(self, at: int) -> list[tuple[int, Part | None]]:
        """All numbers of groups of these sizes that were tried, the lightest load first."""
        return sorted(((n, part) for (which, n), part in self._known.items() if which == at), key=lambda one: -one[0])

    def within(self, limits: Limits, which: Sequence[int], above: Mapping[int, int] | None = None) -> None:
        """Try the fewest groups that keep to the limits, and the fewest that do so with ease; or all that are given."""
        above = above or {}
        searches: dict[tuple[int, bool], Asked] = {}
        for at in which:
            given, least = self.given[at], above.get(at, 0)
            if given is not None:
                self.priced([(at, groups) for groups in given if groups > least])
                continue
            few, most = self.ranges[at]
            for easy in (False, True):
                searches[at, easy] = fewest(max(few, least + 1), most)
        self._search(searches, limits)

    def _search(self, searches: dict[tuple[int, bool], Asked], limits: Limits) -> None:
        """All searches in step: what each asks for next is priced together."""
        asked = {key: first for key, one in searches.items() if (first := next(one, None)) is not None}
        while asked:
            found = self.priced([(at, groups) for (at, _), groups in asked.items()])
            following = {}
            for (key, _), part in zip(asked.items(), found, strict=True):
                holds = part is not None and not limits.breaks(part)[0] and not (key[1] and part.strained[0])
                try:
                    following[key] = searches[key].send(holds)
                except StopIteration:
                    continue
            asked = following


def fewest(least: int, most: int) -> Asked:
    """The smallest number from which on it holds: ever larger steps from the least, then halves of the last one."""
    if least > most:
        return None
    below, step = least - 1, 1
    while not (yield min(most, below + step)):
        if below + step >= most:
            return None
        below, step = below + step, 2 * step
    above = min(most, below + step)
    while above - below > 1:
        middle = (below + above) // 2
        if (yield middle):
            above = middle
        else:
            below = middle
    return above


def load_of(point: Point) -> float:
    """Users of a replica, or replicas that share a rate: the less, the lighter the load."""
    return (point.users or 1) / point.dp
