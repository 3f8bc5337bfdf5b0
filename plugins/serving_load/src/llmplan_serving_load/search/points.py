"""Layouts under loads, each priced in closed form: as columns of arrays, and one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from attrs import fields_dict, frozen

from llmplan.estimate import Means
from llmplan.space.server_sizes import ReplicaSizes
from llmplan_serving_load.search.case import Case
from llmplan_serving_load.search.fleet import Fleet
from llmplan_serving_load.search.limits import LATENCIES, Latencies, latencies_of, times_as_long

_SECONDS_PER_HOUR = 3600.0
_MILLION = 1e6


@frozen(eq=False)
class Point:
    """A layout, how many replicas of it there are, and a load."""

    part: Part
    """The same as columns of one element."""
    case: Case
    sizes: ReplicaSizes
    groups: int
    """Of replicas that share experts, each the least that can stand alone."""
    users: int | None
    """In all; None where requests come at a rate."""
    means: Means
    """In closed form."""
    strained: bool
    """Whether users wait for room, or the rate is nearly all that one can count on being answered."""
    doubt: float
    """Times that what it is ranked by may be off, with the confidence asked for."""
    longer: Mapping[str, float]
    """Times that each latency may take as long as estimated, with that confidence."""
    tokens_per_second_per_gpu: float
    cost_per_million_tokens: float | None
    """None where no price is known."""

    @property
    def dp(self) -> int:
        """How many replicas share the requests."""
        return self.groups * self.sizes.dp

    @property
    def gpus(self) -> int:
        """How many accelerators there are in all."""
        return self.groups * self.sizes.gpus + self.case.apart(self.sizes)

    @property
    def latencies(self) -> Latencies:
        """By option, as one can count on them."""
        return times_as_long(latencies_of(self.means), self.longer)


class Points:
    """Columns, one element a point; points of several cases one after the other."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = [part for part in parts if len(part.at)]

    def __len__(self) -> int:
        """How many there are."""
        return sum(len(part.at) for part in self.parts)

    def column(self, name: str) -> Any:
        """A figure of all of them, by the name of a property of `Part`."""
        found = [np.broadcast_to(getattr(part, name), len(part.at)) for part in self.parts]
        return np.concatenate(found) if found else np.zeros(0)

    def latency(self, name: str) -> Any:
        """Of all, by option; infinite where there is none."""
        return self.column(LATENCIES[name])


@frozen(eq=False, slots=False)
class Part:
    """The points of one fleet, as columns."""

    fleet: Fleet
    at: Any
    """Which of the fleet's sizes."""
    groups: Any
    users: Any
    """0 where requests come at a rate."""
    means: Means
    strained: Any
    """Whether they wait for room, or the rate is nearly all that one can count on: what others hold with ease."""
    longer: Mapping[str, Any]
    """Times that each latency may take as long as estimated, with the confidence asked for."""

    def __getattr__(self, name: str) -> Any:
        """The means by name, infinite where there is no such."""
        if name not in fields_dict(Means):
            raise AttributeError(name)
        found = getattr(self.means, name)
        return np.inf if found is None else found

    @property
    def gpus(self) -> Any:
        """How many accelerators there are in all, at each point."""
        column, fleet = self.fleet.column, self.fleet
        apart = np.array([float(fleet.case.apart(one)) for one in fleet.sizes])
        return column["gpus"][self.at] * self.groups + apart[self.at]

    @property
    def doubt(self) -> Any:
        """Times that a user's tokens may take as long; what comes at a rate is answered, or too much of it comes."""
        return np.ones(len(self.at)) if self.fleet.case.at_a_rate else self.fleet.doubt[1][self.at]

    def counted_on(self, latency: str) -> Any:
        """What a latency stays below with the confidence asked for; infinite where there is none."""
        return getattr(self, latency) * self.longer[latency]

    @property
    def dp(self) -> Any:
        """How many replicas there are at each point."""
        return self.fleet.column["dp"][self.at] * self.groups

    @property
    def tokens_per_second_per_gpu(self) -> Any:
        """Generated tokens a second, divided by the accelerators, at each point."""
        return self.tokens_per_second / self.gpus

    @property
    def tokens_per_second(self) -> Any:
        """Generated tokens a second at each point."""
        rate = self.fleet.rate or self.means.requests_per_second
        return rate * self.fleet.output_tokens

    @property
    def cost_per_million_tokens(self) -> Any:
        """Infinite where no price is known."""
        price = self.fleet.case.choice.price_per_gpu_hour
        if price is None:
            return np.inf
        mean = self.tokens_per_second / self.fleet.like.workload.peak
        return price * self.gpus / _SECONDS_PER_HOUR / mean * _MILLION

    def taken(self, where: Any) -> Part:
        """Some of them, by a mask or by their numbers."""
        means: dict[str, Any] = {
            name: _some(getattr(self.means, name), where, len(self.at)) for name in fields_dict(Means)
        }
        longer = {name: _some(value, where, len(self.at)) for name, value in self.longer.items()}
        return Part(
            self.fleet,
            self.at[where],
            self.groups[where],
            self.users[where],
            Means(**means),
            self.strained[where],
            longer,
        )

    @classmethod
    def joined(cls, parts: Sequence[Part]) -> Part:
        """All points of one fleet together."""
        names = ("at", "groups", "users", "strained")
        columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
        means: dict[str, Any] = {
            name: None
            if getattr(parts[0].means, name) is None
            else np.concatenate([np.broadcast_to(getattr(part.means, name), len(part.at)) for part in parts])
            for name in fields_dict(Means)
        }
        longer = {name: np.concatenate([part.longer[name] for part in parts]) for name in parts[0].longer}
        return cls(fleet=parts[0].fleet, means=Means(**means), longer=longer, **columns)

    def point(self, number: int) -> Point:
        """One of the points by its place."""
        one = self.taken(np.array([number]))
        means: dict[str, Any] = {name: _number(getattr(one.means, name)) for name in fields_dict(Means)}
        cost = float(np.broadcast_to(one.cost_per_million_tokens, 1)[0])
        return Point(
            part=one,
            case=self.fleet.case,
            sizes=self.fleet.sizes[int(one.at[0])],
            groups=int(one.groups[0]),
            users=int(one.users[0]) or None,
            means=Means(**means),
            strained=bool(one.strained[0]),
            doubt=float(one.doubt[0]),
            longer={name: float(times[0]) for name, times in one.longer.items()},
            tokens_per_second_per_gpu=float(one.tokens_per_second_per_gpu[0]),
            cost_per_million_tokens=None if cost == np.inf else cost,
        )


def _some(value: Any, where: Any, many: int) -> Any:
    return None if value is None else np.broadcast_to(value, many)[where]


def _number(value: Any) -> float | None:
    return None if value is None else float(value[0])
