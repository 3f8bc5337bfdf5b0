"""A replica that batches continuously: what its passes hold, how long they take, how many sequences fit."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from attrs import frozen

from llmplan.arrays.quantities import total
from llmplan.queueing.grid import StepGrid
from llmplan.records import ServerPlan, ServingSteps, Step


@frozen(eq=False, repr=False)
class _Dealt:
    """The batches of a round: so many that hold most, and others."""

    fullest: Step
    full: float
    plain: Step
    others: float


@frozen(kw_only=True, eq=False, repr=False)
class Engine:
    """One replica. Batches in flight on its pipeline stages advance in rounds, in which each makes one step."""

    grid: StepGrid
    batches: int
    step_tokens: int
    chunked: bool
    max_sequences: int
    fixed_memory: Mapping[str, float]
    """Bytes on the fullest GPU beside caches, by line."""
    kv_room_bytes: float
    """What they leave for caches."""
    tokens_per_sequence: int = 1
    """Positions that a decoding sequence takes of a step."""

    def kv_bytes(self, tokens: float) -> float:
        """Of one sequence."""
        return self.grid.kv_bytes(tokens)

    def round_seconds(self, step: Step) -> float:
        """T of a round; of one batch its step.

        No batch starts again before its own step is over, nor before each stage has worked on all others:
        T = max(step of the batch, sum of stage times), on average over the batches.
        """
        if self.batches == 1:
            return self.grid.step_seconds(step)
        dealt = self._dealt(step)
        if not dealt.plain.sequences:
            return self.latency_seconds(step)
        stages = self._stages_seconds(dealt)
        full = max(self.grid.step_seconds(dealt.fullest), stages)
        other = max(self.grid.step_seconds(dealt.plain), stages)
        return (dealt.full * full + (self.batches - dealt.full) * other) / self.batches

    def latency_seconds(self, step: Step) -> float:
        """Of the fullest batch: its own step, or the sum of stage times where that is longer."""
        if self.batches == 1:
            return self.grid.step_seconds(step)
        dealt = self._dealt(step)
        return max(self.grid.step_seconds(dealt.fullest), self._stages_seconds(dealt))

    def _stages_seconds(self, dealt: _Dealt) -> float:
        others = dealt.others * self.grid.step_interval_seconds(dealt.plain) if dealt.others else 0.0
        return dealt.full * self.grid.step_interval_seconds(dealt.fullest) + others

    def _dealt(self, step: Step) -> _Dealt:
        """Sequences evenly to the batches, each prompt to one, to those without sequences first."""
        batches = float(self.batches)
        decoding = min(batches, max(1.0, step.sequences)) if step.sequences else 0.0
        reading = min(batches, step.prompts)
        plain = Step(sequences=step.sequences / decoding, context=step.context) if decoding else Step()
        if not reading:
            return _Dealt(plain, decoding, plain, 0.0)
        both = max(0.0, decoding + reading - batches)
        beside = plain if both else Step()
        fullest = Step(
            prompt_tokens=step.prompt_tokens / reading,
            prompt_context=step.prompt_context,
            prompts=step.prompts / reading,
            sequences=beside.sequences,
            context=beside.context,
        )
        return _Dealt(fullest, reading, plain, decoding - both)

    def decode_seconds(self, sequences: float, context: float) -> float:
        """A round in which nothing but these decodes."""
        return self.round_seconds(Step(sequences=sequences, context=context))

    def room_tokens(self, sequences: float) -> float:
        """Of one batch's step, for prompts: all of it where they go first, else what decoding leaves."""
        beside = sequences * self.tokens_per_sequence / self.batches if self.chunked else 0.0
        return max(1.0, self.step_tokens - beside)

    def prompt_steps(self, new: float, cached: float, sequences: float, context: float) -> list[Step]:
        """The rounds that read one prompt alone, `cached` tokens of which need no reading, beside what decodes."""
        if not self.chunked:
            return [prompt_step([(new, cached)])]
        room = self.room_tokens(sequences)
        starts = [cached + index * room for index in range(math.ceil(new / room))]
        chunks = [(min(room, cached + new - start), start) for start in starts]
        return [prompt_step([chunk], sequences, context) for chunk in chunks]


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


def make_engine(steps: ServingSteps, server: ServerPlan, memory_bytes: float, exact: Iterable[float] = ()) -> Engine:
    """Of the steps of a replica: caches have the memory that is left beside what is fixed.

    A step is no longer than allowed where prompts are cut; else as long as the longest prompt.
    """
    largest = server.step_tokens if server.chunked else max(server.step_tokens, server.workload.longest[0])
    fixed = {line: float(size) for line, size in steps.fixed_memory(float(largest)).items()}
    return Engine(
        grid=StepGrid(steps, exact),
        batches=int(steps.batches_in_flight),
        step_tokens=server.step_tokens,
        chunked=server.chunked,
        max_sequences=server.max_sequences,
        fixed_memory=fixed,
        kv_room_bytes=memory_bytes - total(fixed.values()),
        tokens_per_sequence=1 if server.speculation is None else 1 + server.speculation.draft_tokens,
    )
