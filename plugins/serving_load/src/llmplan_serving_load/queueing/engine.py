"""A replica that batches continuously: what its passes hold, how long they take, how many sequences fit.

Fields are numbers, or arrays with one element a replica where many replicas are looked at side by side.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from attrs import evolve, frozen

from llmplan.arrays.quantities import Number, ceil, maximum, minimum, total, where
from llmplan.records import ServerPlan, ServingSteps, Step
from llmplan_serving_load.queueing.grid import StepGrid
from llmplan_serving_load.queueing.rounds import Round, StepSeconds, price_rounds

_STEP_FIELDS = ("prompt_tokens", "prompt_context", "prompts", "sequences", "context", "tokens_per_sequence")


@frozen(kw_only=True, eq=False, repr=False)
class Engine:
    """One replica, whose batches in flight advance in rounds."""

    steps: ServingSteps
    grid: StepGrid
    """The steps, interpolated between those that are priced, for a simulation."""
    batches: Number
    step_tokens: int
    chunked: bool
    max_sequences: int
    fixed_memory: Mapping[str, Number]
    """Bytes on the fullest GPU beside caches, by line."""
    kv_room_bytes: Number
    """What they leave for caches."""
    tokens_per_sequence: int
    """Positions that a decoding sequence takes of a step."""
    ahead: bool
    """Many steps are priced in one call of arrays, by who has imported these."""

    def taken(self, replicas: Any) -> Engine:
        """Some of many replicas, by their numbers."""
        return evolve(
            self,
            batches=self.batches[replicas],  # type: ignore[index]
            fixed_memory={line: _some(size, replicas) for line, size in self.fixed_memory.items()},
            kv_room_bytes=self.kv_room_bytes[replicas],  # type: ignore[index]
        )

    @property
    def many(self) -> int | None:
        """How many replicas side by side these arrays are of; None of one replica."""
        return None if isinstance(self.kv_room_bytes, (int, float)) else len(self.kv_room_bytes)

    def price(self, steps: Sequence[Step]) -> list[StepSeconds]:
        """Seconds of steps, by the cost model itself."""
        if self.many is None and not self.ahead:
            return [self._priced(step) for step in steps]
        together: Any = self._priced(_together(steps, side_by_side=self.many is not None))
        if self.many is None:
            together = [_listed(seconds, len(steps)) for seconds in together]
        return list(zip(*together, strict=True))

    def _priced(self, step: Step) -> StepSeconds:
        whole = self.steps.step_seconds(step)
        return whole, whole if self.one_at_a_time else self.steps.step_interval_seconds(step)

    @property
    def one_at_a_time(self) -> bool:
        """Whether there is one batch in flight."""
        return self.many is None and self.batches == 1

    def rounds(self, steps: Sequence[Step]) -> list[Round]:
        """Rounds that hold these steps, by the cost model itself."""
        return price_rounds(steps, self.batches, self.price)

    def kv_bytes(self, tokens: float) -> float:
        """Cache of one sequence of so many tokens."""
        return self.grid.kv_bytes(tokens)

    def round_of(self, step: Step) -> Round:
        """A round that holds this step, between steps that have been priced."""
        (found,) = price_rounds([step], self.batches, self.grid.price)
        return found

    def decode_seconds(self, sequences: float, context: float) -> float:
        """A round in which nothing but these decodes, between steps that have been priced."""
        decoding = min(self.batches, max(1.0, sequences))
        whole, stage = self.grid.decode(sequences / decoding, context)
        return max(whole, decoding * stage)

    def room_tokens(self, sequences: Number) -> Number:
        """Of one batch's step, for prompts: all of it where they go first, else what decoding leaves."""
        beside = sequences * self.tokens_per_sequence / self.batches if self.chunked else 0.0
        return maximum(1.0, self.step_tokens - beside)

    def prompt_steps(self, new: float, cached: float, sequences: float, context: float) -> list[tuple[Step, Number]]:
        """The steps that read one prompt alone, `cached` tokens of which need no reading, beside what decodes.

        With each goes whether it is made: 1, or 0 in those of many replicas that need fewer.
        """
        if not self.chunked:
            return [(prompt_step([(new, cached)]), 1.0)]
        room = self.room_tokens(sequences)
        chunks = ceil(new / room)
        steps = []
        for index in range(int(chunks if self.many is None else chunks.max())):  # type: ignore[attr-defined]
            before = minimum(index * room, new)
            tokens = minimum(room, new - before)
            step = Step(
                prompt_tokens=where(tokens > 0, tokens, 1.0),
                prompt_context=cached + before + (tokens + 1.0) / 2.0,
                prompts=1.0,
                sequences=sequences,
                context=context if sequences else 0.0,
            )
            steps.append((step, 1.0 * (tokens > 0)))
        return steps


def prompt_step(chunks: Sequence[tuple[float, float]], sequences: float = 0.0, context: float = 0.0) -> Step:
    """A step of these (new tokens, tokens before them), where each token attends to all before it and to itself."""
    new = total(tokens for tokens, _ in chunks)
    keys = total(tokens * (before + (tokens + 1.0) / 2.0) for tokens, before in chunks)
    return Step(
        prompt_tokens=new,
        prompt_context=keys / new,
        prompts=float(len(chunks)),
        sequences=sequences,
        context=context if sequences else 0.0,
    )


def make_engine(
    steps: ServingSteps, server: ServerPlan, memory_bytes: float, exact: Iterable[float], *, ahead: bool
) -> Engine:
    """Of the steps of a replica: caches have the memory that is left beside what is fixed.

    A step is no longer than allowed where prompts are cut; else as long as the longest prompt.
    """
    largest = server.step_tokens if server.chunked else max(server.step_tokens, server.workload.longest[0])
    fixed = dict(steps.fixed_memory(float(largest)))
    room = memory_bytes - total(fixed.values())
    return Engine(
        steps=steps,
        grid=StepGrid(steps, exact, ahead=ahead),
        batches=steps.batches_in_flight + 0.0 * room,  # of many replicas, all of which may have one batch in flight
        step_tokens=server.step_tokens,
        chunked=server.chunked,
        max_sequences=server.max_sequences,
        fixed_memory=fixed,
        kv_room_bytes=room,
        tokens_per_sequence=1 if server.speculation is None else 1 + server.speculation.draft_tokens,
        ahead=ahead,
    )


def _some(value: Any, replicas: Any) -> Any:
    """Of an array those of the replicas; a number is that of all."""
    return value if isinstance(value, (int, float)) else value[replicas]


def _listed(seconds: Any, many: int) -> list[float]:
    """Of each of so many steps."""
    import numpy as np

    listed: list[float] = np.broadcast_to(seconds, (many,)).tolist()
    return listed


def _together(steps: Sequence[Step], *, side_by_side: bool) -> Step:
    """Many steps as one of arrays; of many replicas side by side steps x replicas."""
    import numpy as np

    def column(name: str) -> Any:
        values = [getattr(step, name) for step in steps]
        if all(isinstance(value, (int, float)) for value in values):
            each = np.array(values)
            return values[0] if len(set(values)) == 1 else each[:, None] if side_by_side else each
        return np.stack(np.broadcast_arrays(*values))

    return Step(**{name: column(name) for name in _STEP_FIELDS})
