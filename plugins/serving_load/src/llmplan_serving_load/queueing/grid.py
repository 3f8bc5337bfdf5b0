"""Steps of a cost model, priced at the points of a grid and interpolated between them: a simulation makes thousands."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import product

from llmplan.arrays.quantities import Number
from llmplan.records import ServingSteps, Step

FINE, COARSE = 1.1, 1.5
"""Of one point to the next: of tokens, by which multiplications change shape; of keys, in which steps are linear."""

_WIDE, _NEAR = 4, 1
"""Places on either side that are priced with a point, in one call of arrays: of fine axes, and of coarse ones."""
_LARGEST = 1e12
"""Beyond which no step has tokens, sequences or keys."""
_Ends = tuple[tuple[float, float], ...]
"""Points around a value, each with its weight."""
_Seconds = tuple[float, float]
"""Of a step through all stages, and on the slowest of them."""
_Point = tuple[float, float, float, float, float]


class StepGrid:
    """Seconds of steps, linear between points in tokens, sequences and context; exact where a cost model is bilinear.

    Points are priced when first needed, and kept; `ahead` those around them too, in one call of arrays, which takes as
    long as a few points. `exact` are values that are points of their own.
    """

    def __init__(self, steps: ServingSteps, exact: Iterable[float] = (), *, ahead: bool = False) -> None:
        self.steps, self._ahead = steps, ahead
        self._exact = frozenset(exact)
        self._known: dict[_Point, _Seconds] = {}
        self._kv_bytes: dict[float, float] = {}
        self._near: dict[tuple[float, float], _Ends] = {}
        self._decoding: dict[tuple[float, float], _Seconds] = {}

    def price(self, steps: Sequence[Step]) -> list[_Seconds]:
        """Seconds through all stages, and on the slowest of them, as the cost model has them."""
        return [self._between(step) for step in steps]

    def decode(self, sequences: float, context: float) -> _Seconds:
        """The same of a step of sequences alone, which a simulation makes most."""
        whole, stage = 0.0, 0.0
        of_context = self._of_keys(context)
        for number, a in self._ends(sequences, FINE):
            for keys, b in of_context:
                if (number, keys) not in self._decoding:
                    self._decoding[number, keys] = self._at((0.0, 0.0, number, keys, 0.0))
                seconds = self._decoding[number, keys]
                whole += a * b * seconds[0]
                stage += a * b * seconds[1]
        return whole, stage

    def kv_bytes(self, tokens: float) -> float:
        """As the cost model has it."""
        if tokens not in self._kv_bytes:
            self._kv_bytes[tokens] = self.steps.kv_bytes(tokens)
        return self._kv_bytes[tokens]

    def _between(self, step: Step) -> _Seconds:
        prompts, whole, stage, known = step.prompts, 0.0, 0.0, self._known
        of_sequences = self._ends(step.sequences, COARSE if prompts else FINE)
        of_context, of_reads = self._of_keys(step.context), self._of_keys(step.prompt_context)
        for tokens, a in self._ends(step.prompt_tokens, FINE):
            for reads, b in of_reads:
                for sequences, c in of_sequences:
                    for context, d in of_context:
                        point = (tokens, reads, sequences, context, prompts)
                        seconds = known.get(point) or self._at(point)
                        weight = a * b * c * d
                        whole += weight * seconds[0]
                        stage += weight * seconds[1]
        return whole, stage

    def _at(self, point: _Point) -> _Seconds:
        if point not in self._known:
            if self._ahead:
                self._price_around(point)
            else:
                step = _step(*point)
                self._known[point] = self.steps.step_seconds(step), self.steps.step_interval_seconds(step)
        return self._known[point]

    def _price_around(self, point: _Point) -> None:
        import numpy as np

        tokens, reads, sequences, context, prompts = point
        of_sequences = self._beside(sequences, COARSE, _NEAR) if prompts else self._beside(sequences, FINE, 2 * _WIDE)
        of_reads, of_context = (self._beside(value, COARSE, _NEAR) for value in (reads, context))
        every = product(self._beside(tokens, FINE, _WIDE), of_reads, of_sequences, of_context, (prompts,))
        new = [one for one in every if one not in self._known]
        step = _step(*np.array(new).T)
        prices = (self.steps.step_seconds(step), self.steps.step_interval_seconds(step))
        whole, stage = (np.broadcast_to(each, len(new)).tolist() for each in prices)
        self._known.update(zip(new, zip(whole, stage, strict=True), strict=True))

    def _beside(self, value: float, ratio: float, places: int) -> list[float]:
        """The points of an axis near to one of them, itself among them."""
        axis = _places(ratio)
        at = bisect_right(axis, value) - 1
        if value in self._exact or axis[at] != value or not value:
            return [value]
        return axis[max(1, at - places) : at + places + 1]

    def _of_keys(self, value: float) -> _Ends:
        """Hardly a context is met twice, so that none is kept."""
        return ((value, 1.0),) if value in self._exact else _around(value, COARSE)

    def _ends(self, value: float, ratio: float) -> _Ends:
        key = (value, ratio)
        if key not in self._near:
            self._near[key] = ((value, 1.0),) if value in self._exact else _around(value, ratio)
        return self._near[key]


def _step(tokens: Number, reads: Number, sequences: Number, context: Number, prompts: Number) -> Step:
    return Step(prompt_tokens=tokens, prompt_context=reads, prompts=prompts, sequences=sequences, context=context)


def _around(value: float, ratio: float) -> _Ends:
    """The points next to a value: whole numbers as long as they lie further apart than the ratio, then powers of it."""
    places = _places(ratio)
    at = bisect_right(places, value)
    low, high = places[at - 1], places[at]
    if low == value:
        return ((value, 1.0),)
    part = (value - low) / (high - low)
    return ((low, 1.0 - part), (high, part))


@lru_cache
def _places(ratio: float) -> list[float]:
    dense = 1.0 / (ratio - 1.0)
    found = [float(number) for number in range(int(dense) + 1)]
    power = 0
    while found[-1] < _LARGEST:
        found.append(dense * ratio**power)
        power += 1
    return sorted(set(found))


def points(most: float, ratio: float = FINE) -> list[float]:
    """From 1 on, whole numbers as long as they lie further apart than the ratio, then powers of it, beyond `most`."""
    found = [1.0]
    while found[-1] < most or len(found) == 1:
        found.append(max(found[-1] + 1.0, found[-1] * ratio))
    return found
