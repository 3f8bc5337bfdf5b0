"""A replica that batches continuously: what its passes hold, how long they take, how many sequences fit."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from attrs import frozen

from llmplan.quantities import total
from llmplan.records import ServingSteps, Step
from llmplan.serving.grid import StepGrid


@frozen(kw_only=True, eq=False, repr=False)
class Engine:
    """One replica. Batches in flight on its pipeline stages advance in rounds, in which each makes one step."""

    grid: StepGrid
    batches: int
    step_tokens: int
    chunked: bool
    max_sequences: int
    kv_room_bytes: float
    """For caches, on the fullest GPU."""
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


def prompt_step(
    chunks: Sequence[tuple[float, float]], sequences: float = 0.0, context: float = 0.0, prompts: float | None = None
) -> Step:
    """A step of these (new tokens, tokens before them), where each token attends to all before it and to itself."""
    new = total(tokens for tokens, _ in chunks)
    keys = total(tokens * (before + (tokens + 1.0) / 2.0) for tokens, before in chunks)
    return Step(
        prompt_tokens=new,
        prompt_context=keys / new,
        prompts=float(len(chunks)) if prompts is None else prompts,
        sequences=sequences,
        context=context if sequences else 0.0,
    )


def make_engine(
    steps: ServingSteps,
    *,
    memory_bytes: float,
    step_tokens: int,
    chunked: bool,
    max_sequences: int,
    tokens_per_sequence: int = 1,
    exact: Iterable[float] = (),
) -> Engine:
    """Of the steps of a replica: caches have the memory that is left beside what is fixed."""
    batches = int(steps.batches_in_flight)
    fixed = total(steps.fixed_memory(step_tokens).values())
    return Engine(
        grid=StepGrid(steps, exact),
        batches=batches,
        step_tokens=step_tokens,
        chunked=chunked,
        max_sequences=max_sequences,
        kv_room_bytes=memory_bytes - fixed,
        tokens_per_sequence=tokens_per_sequence,
    )
