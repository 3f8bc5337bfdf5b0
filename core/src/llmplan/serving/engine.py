"""A replica that batches continuously: what its passes hold, how long they take, how many sequences fit."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from attrs import frozen

from llmplan.quantities import total
from llmplan.records import ServerPlan, ServingSteps, Step
from llmplan.serving.grid import StepGrid


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
        return float(self.grid.steps.kv_bytes(tokens))

    def round_seconds(self, step: Step) -> float:
        """T = max(step of the fullest batch, sum of the stage times of all batches); of one batch its step.

        Sequences are dealt evenly to the batches, each prompt to one.
        """
        if self.batches == 1:
            return self.grid.step_seconds(step)
        with_prompts = min(self.batches, step.prompts)
        sequences = step.sequences / self.batches
        plain = Step(sequences=sequences, context=step.context)
        if not with_prompts:
            return max(self.grid.step_seconds(plain), self.batches * self.grid.step_interval_seconds(plain))
        fullest = Step(
            prompt_tokens=step.prompt_tokens / with_prompts,
            prompt_context=step.prompt_context,
            prompts=step.prompts / with_prompts,
            sequences=sequences,
            context=step.context,
        )
        others = self.grid.step_interval_seconds(plain) if sequences else 0.0
        stages = with_prompts * self.grid.step_interval_seconds(fullest) + (self.batches - with_prompts) * others
        return max(self.grid.step_seconds(fullest), stages)

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
