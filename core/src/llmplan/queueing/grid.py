"""Steps of a cost model, priced at the points of a grid and interpolated between them: a simulation makes thousands."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import product

from llmplan.records import ServingSteps, Step

_FINE, _COARSE = 1.1, 1.5
"""Of one point to the next: of tokens, by which multiplications change shape; of keys, in which steps are linear."""

_Ends = tuple[tuple[float, float], ...]
"""Points around a value, each with its weight."""


class StepGrid:
    """Seconds of steps, linear between points in tokens, sequences and context; exact where a cost model is bilinear.

    Points are priced when first needed, and kept. `exact` are values that are points of their own.
    """

    def __init__(self, steps: ServingSteps, exact: Iterable[float] = ()) -> None:
        self.steps = steps
        self._exact = frozenset(exact)
        self._whole: dict[tuple[float, ...], float] = {}
        self._interval: dict[tuple[float, ...], float] = {}
        self._kv_bytes: dict[float, float] = {}

    def step_seconds(self, step: Step) -> float:
        """As the cost model has it."""
        return self._between(step, self.steps.step_seconds, self._whole)

    def step_interval_seconds(self, step: Step) -> float:
        """As the cost model has it."""
        return self._between(step, self.steps.step_interval_seconds, self._interval)

    def kv_bytes(self, tokens: float) -> float:
        """As the cost model has it."""
        if tokens not in self._kv_bytes:
            self._kv_bytes[tokens] = float(self.steps.kv_bytes(tokens))
        return self._kv_bytes[tokens]

    def _between(self, step: Step, price: Callable[[Step], float], known: dict[tuple[float, ...], float]) -> float:
        prompts = step.prompts
        axes = (
            self._ends(step.prompt_tokens, _FINE),
            self._ends(step.prompt_context, _COARSE),
            self._ends(step.sequences, _COARSE if prompts else _FINE),
            self._ends(step.context, _COARSE),
        )
        seconds = 0.0
        for (tokens, a), (reads, b), (sequences, c), (context, d) in product(*axes):
            point = (tokens, reads, sequences, context, prompts)
            if point not in known:
                known[point] = float(
                    price(
                        Step(
                            prompt_tokens=tokens,
                            prompt_context=reads,
                            prompts=prompts,
                            sequences=sequences,
                            context=context,
                        )
                    )
                )
            seconds += a * b * c * d * known[point]
        return seconds

    def _ends(self, value: float, ratio: float) -> _Ends:
        low, high = _around(value, ratio)
        if value in self._exact or low == high:
            return ((value, 1.0),)
        part = (value - low) / (high - low)
        return ((low, 1.0 - part), (high, part))


@lru_cache(maxsize=65536)
def _around(value: float, ratio: float) -> tuple[float, float]:
    """The points next to a value: whole numbers as long as they lie further apart than the ratio, then powers of it."""
    dense = 1.0 / (ratio - 1.0)
    if value <= dense:
        return float(math.floor(value)), float(math.ceil(value))
    index = math.floor(math.log(value / dense) / math.log(ratio))
    return dense * ratio**index, dense * ratio ** (index + 1)
