"""What a server's steps take: prompts, or chunks of them, beside sequences that decode."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from attrs import frozen

from llmplan.arrays.quantities import Number
from llmplan.records import InferencePlan, Step
from llmplan_parallelism_megatron import lines
from llmplan_parallelism_megatron.serving import held, memory
from llmplan_parallelism_megatron.serving.extent import of_step
from llmplan_parallelism_megatron.serving.known import known_rank
from llmplan_parallelism_megatron.serving.passes import Pass, forward
from llmplan_parallelism_megatron.serving.pipeline import served_batches
from llmplan_parallelism_megatron.serving.rank import Rank


@frozen(eq=False, slots=False, repr=False)
class Steps:
    """Of one replica of a plan; or of many side by side, where the sizes of its layout are arrays."""

    plan: InferencePlan

    @cached_property
    def _priced(self) -> list[tuple[Step, Pass]]:
        """The last step and its pass: it is asked for through all stages, and on the slowest of them."""
        return []

    @cached_property
    def rank(self) -> Rank:
        """The model, lowered and divided once for all steps."""
        return known_rank(self.plan)

    @property
    def batches_in_flight(self) -> Number:
        """How many batches are in work at once: one on each pipeline stage."""
        return served_batches(self.plan)

    def step_seconds(self, step: Step) -> Number:
        """Seconds of a step through all pipeline stages."""
        return self._forward(step).whole.seconds

    def step_interval_seconds(self, step: Step) -> Number:
        """Seconds between two steps: those of the slowest stage."""
        return self._forward(step).stage.seconds

    def _forward(self, step: Step) -> Pass:
        for last, priced in self._priced:
            if last is step:
                return priced
        found = forward(self.rank, of_step(step))
        self._priced[:] = [(step, found)]
        return found

    def kv_bytes(self, tokens: Number) -> Number:
        """Bytes of a sequence's cache, in whole pages."""
        return memory.sequence_bytes(self.rank, tokens)

    def fixed_memory(self, step_tokens: Number) -> Mapping[str, Number]:
        """Weights, what a step holds, what the engine keeps."""
        fixed = held.fixed_bytes(self.rank, self.plan, step_tokens, 1.0)
        return lines.held(fixed, self.plan.hardware)

    def kv_transfer_seconds(self, tokens: Number) -> Number:
        """Every rank sends its part of the cache to its counterpart over the network, or the link of the domain."""
        return self.rank.links.transfer_between_replicas_seconds(self.kv_bytes(tokens), self.plan.layout)
