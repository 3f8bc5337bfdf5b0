"""Where no server is feasible: what kills the last plans, and the smallest changes that would do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
from attrs import evolve, frozen

from llmplan.search.infeasible import Change, Verdict
from llmplan.space.inference_space import InferenceSpace
from llmplan.space.server_sizes import ReplicaSizes
from llmplan_serving_load.search.case import Case
from llmplan_serving_load.search.confirming import Confirming
from llmplan_serving_load.search.exploring import CAPACITY, MEMORY, Candidate, Explored
from llmplan_serving_load.search.limits import LATENCIES, Latencies, Limits, excess_of
from llmplan_serving_load.search.points import Part, Point

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
        """The limits that were asked for."""
        return self.confirming.limits

    @property
    def nearest(self) -> list[Point]:
        """What answers all that comes, by each limit the nearest where the others hold, and the nearest in all; of
        layouts that did not hold in simulation the load that came nearest.
        """
        refuted = self.confirming.refuted
        gone = [(point.case, point.sizes) for point in refuted]
        kept = [part for part in (_without(part, gone) for part in self.found.parts) if len(part.at)]
        numbers = [excess_of(self.limits, part) for part in kept]
        found = list(refuted)
        for part, excess in zip(kept, numbers, strict=True):
            found += [part.point(int(at)) for at in _least(excess, 1)]
            for name in self.limits.of:
                others = ~self.limits.breaks(part, but=name)
                latency = np.where(others, part.counted_on(LATENCIES[name]), np.inf)
                found += [part.point(int(at)) for at in _least(latency, _MOST_TRIED) if others[at]]
        return found


def _without(part: Part, gone: Sequence[tuple[Case, ReplicaSizes]]) -> Part:
    """The points of other layouts than these."""
    fleet = part.fleet
    out = [at for at, sizes in enumerate(fleet.sizes) if (fleet.case, sizes) in gone]
    return part.taken(~np.isin(part.at, out))


def _least(values: Any, many: int) -> Any:
    return np.argsort(values, kind="stable")[:many]


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
    _, case, sizes = min(dead.found.homeless, key=lambda one: one[0])
    has, needed = case.choice.hardware.memory_bytes, case.needed_bytes(sizes)
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
    measured = dead.confirming.tried(point).counted_on(dead.limits)
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
    return killer, dead.confirming.tried(point).confirmed().estimate, needed[killer]


def _freed(dead: Dead) -> Iterator[Change]:
    """The nearest value that would do for one option of the layout that was given."""
    for name, given in dead.space.layout.items():
        held = _nearest_held(dead, dead.again(dead.space.without(name)), partial(_distances, name, given))
        if held is not None:
            yield Change(name, int(_values(held.part, name)[0]))


def _nearest_held(dead: Dead, candidates: Sequence[Candidate], distances: Callable[[Part], Any]) -> Point | None:
    """Of each candidate the nearest points are tried, until all others are further away than what holds."""
    best: tuple[float, Point] | None = None
    near = [(one, np.where(one.kept, distances(one.points), np.inf)) for one in candidates]
    for candidate, distance in sorted(near, key=lambda one: float(one[1].min())):
        nearest = float(distance.min())
        if best is not None and nearest >= best[0]:
            break
        alone = evolve(candidate, kept=distance == nearest)
        held = next(Confirming(dead.confirming.objective, dead.limits).best([alone]), None)
        if held is not None:
            found = float(distances(held.point.part)[0])
            best = (found, held.point) if best is None or found < best[0] else best
    return None if best is None else best[1]


def _values(points: Part, name: str) -> Any:
    """Of an option of the layout, or the number of users."""
    if name == "concurrency":
        return points.users
    return getattr(points, name) if name in ("dp", "gpus") else points.fleet.column[name][points.at]


def _distances(name: str, given: Sequence[int], points: Part) -> Any:
    """In doublings, to the nearest that was given."""
    values = np.maximum(_values(points, name), 1.0)
    return np.min([np.abs(np.log2(values / one)) for one in given], axis=0)
