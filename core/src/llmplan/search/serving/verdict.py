"""Where no server is feasible: what kills the last plans, and the smallest changes that would do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from math import log2
from typing import Any

from attrs import evolve, frozen

from llmplan.search.infeasible import Change, Verdict
from llmplan.search.serving.confirming import Confirming, confirmed, simulation_of
from llmplan.search.serving.exploring import CAPACITY, MEMORY, Candidate, Explored
from llmplan.search.serving.limits import LATENCIES, Latencies, Limits
from llmplan.search.serving.points import Point
from llmplan.search.serving.space import InferenceSpace

_MOST_TRIED = 3
"""Plans that are simulated to see whether one limit alone could give way."""
_DIVIDING = ("tp", "pp", "dp", "gpus")
"""Options of which another value may be found."""
_ORDER = (MEMORY, CAPACITY, *LATENCIES)


@frozen(eq=False)
class Dead:
    """A search that came to nothing."""

    space: InferenceSpace
    found: Explored
    confirming: Confirming
    again: Callable[[InferenceSpace], Sequence[Candidate]]
    """What keeps to the limits in closed form in another space."""

    @property
    def limits(self) -> Limits:
        """What was asked for."""
        return self.confirming.limits

    @property
    def nearest(self) -> list[Point]:
        """What answers all that comes; of layouts that did not hold in simulation the load that came nearest."""
        refuted = self.confirming.refuted
        layouts = [point.layout for point in refuted]
        others = [point for point in self.found.points if point.layout not in layouts]
        return [*refuted, *others]


def verdict(dead: Dead) -> Verdict:
    """Which constraint it is, the plan that comes nearest, and what to change."""
    found, points = dead.found, dead.nearest
    killer = next((name for name in reversed(_ORDER) if found.infeasible[name]), None)
    if killer is None and not dead.confirming.refuted:
        return _without_layouts(dead)
    if not points:
        return _without_room(dead, killer or MEMORY)
    relaxed = list(_relaxed(dead, points))
    killer, estimate, measured = _worst(dead, points)
    return Verdict(
        constraint=killer,
        plans=found.infeasible[killer] or len(dead.confirming.refuted),
        changes=(*relaxed, *_freed(dead)),
        least=min((one.value for one in relaxed if one.option == killer), default=measured),
        limit=dead.limits.of[killer],
        nearest=estimate,
    )


def _without_layouts(dead: Dead) -> Verdict:
    """Not one is legal; BadInputError where that is no matter of how the model is divided."""
    illegal, errors = dead.found.illegal, dead.found.errors
    words, plans = next(iter(illegal.most_common(1)), ("no value is left of an option", 0))
    changes = tuple(_freed(dead)) if words in _DIVIDING or words not in errors else ()
    if errors and not changes:
        raise errors[max(errors, key=lambda reason: (reason not in _DIVIDING, illegal[reason]))]
    return Verdict(words, plans, changes)


def _without_room(dead: Dead, killer: str) -> Verdict:
    """Nothing fits, or nothing answers all that comes."""
    plans, changes = dead.found.infeasible[killer], tuple(_freed(dead))
    if killer != MEMORY or not dead.found.homeless:
        return Verdict(killer, plans, changes)
    nearest = min(dead.found.homeless, key=lambda layout: layout.missing_bytes)
    has = nearest.server.plan.plan.hardware.memory_bytes
    needed = nearest.needed_bytes
    return Verdict(killer, plans, (Change("memory of the accelerator", needed), *changes), needed, has)


def _relaxed(dead: Dead, points: list[Point]) -> Iterator[Change]:
    """The least that a limit would have to be where all others stay; else how all would have to give way at once."""
    alone = [change for name in dead.limits.of if (change := _one_relaxed(dead, points, name)) is not None]
    if alone:
        yield from alone
        return
    names = list(dead.limits.of)
    point = min(points, key=lambda one: _excess(dead.limits, one.latencies))
    needed = _needed(dead, point)
    broken = [name for name in names if needed[name] > dead.limits.of[name]]
    yield Change("+".join(broken), [needed[name] for name in broken])


def _one_relaxed(dead: Dead, points: list[Point], name: str) -> Change | None:
    others = Limits({other: limit for other, limit in dead.limits.of.items() if other != name})
    kept = [point for point in points if others.broken(point.latencies) is None]
    nearest = sorted(kept, key=lambda one: one.latencies[name] or 0.0)[:_MOST_TRIED]
    needs = (_needed(dead, point) for point in nearest)
    return next((Change(name, needed[name]) for needed in needs if others.broken(needed) is None), None)


def _needed(dead: Dead, point: Point) -> dict[str, float]:
    """Limits with which the point would hold, in closed form and as simulated."""
    measured = dead.limits.measured(point.means, simulation_of(point))
    expected = point.latencies
    return {name: max(measured[name] or 0.0, expected[name] or 0.0) for name in dead.limits.of}


def _excess(limits: Limits, latencies: Latencies) -> float:
    """Times that the limit is exceeded which is exceeded most."""
    return max((latencies[name] or 0.0) / limit for name, limit in limits.of.items())


def _worst(dead: Dead, points: list[Point]) -> tuple[str, Any, float]:
    """Of the plan that comes nearest: the limit that it exceeds most, its estimate and what it takes."""
    point = min(points, key=lambda one: _excess(dead.limits, one.latencies))
    needed = _needed(dead, point)
    killer = max(dead.limits.of, key=lambda name: needed[name] / dead.limits.of[name])
    return killer, confirmed(point, simulation_of(point)).estimate, needed[killer]


def _freed(dead: Dead) -> Iterator[Change]:
    """The nearest value that would do for one option of the layout that was given."""
    for name, given in dead.space.layout.items():
        held = _nearest_held(dead, dead.again(dead.space.without(name)), partial(_distance, name, given))
        if held is not None:
            yield Change(name, _value(held, name))


def _nearest_held(dead: Dead, candidates: Sequence[Candidate], distance: Callable[[Point], float]) -> Point | None:
    """Of each candidate the nearest points are tried, until all others are further away than what holds."""
    best: Point | None = None
    for candidate in sorted(candidates, key=lambda one: min(map(distance, one.points))):
        nearest = min(map(distance, candidate.points))
        if best is not None and nearest >= distance(best):
            break
        alone = evolve(candidate, points=[point for point in candidate.points if distance(point) == nearest])
        held = next(Confirming(dead.confirming.objective, dead.limits).best([alone]), None)
        if held is not None and (best is None or distance(held.point) < distance(best)):
            best = held.point
    return best


def _value(point: Point, name: str) -> int:
    return {**point.layout.sizes, "dp": point.dp, "gpus": point.gpus, "concurrency": point.users or 0}[name]


def _distance(name: str, given: Sequence[int], point: Point) -> float:
    """In doublings, to the nearest that was given."""
    value = _value(point, name)
    return min(abs(log2(max(value, 1) / one)) for one in given)
