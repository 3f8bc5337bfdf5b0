"""A loaded server: what one forward pass of it holds, and what a cost model says of such passes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from attrs import frozen

from llmplan.arrays.quantities import Number


@frozen(kw_only=True, repr=False)
class Step:
    """One forward pass of a replica: new tokens of prompts beside the next tokens of sequences that decode.

    Either may be 0. Logits are those of `prompts` + `sequences` x `tokens_per_sequence` positions.
    """

    prompt_tokens: Number = 0.0
    """New ones in this pass, of all prompts together; what a prefix cache holds is not among them."""
    prompt_context: Number = 0.0
    """Keys that each of them attends to on average, itself included: (P + 1) / 2 of a whole prompt of P tokens,
    done + (chunk + 1) / 2 of a chunk that follows `done` tokens."""
    prompts: Number = 0.0
    """Prompts, or chunks of prompts, that these tokens belong to."""
    sequences: Number = 0.0
    """That decode."""
    context: Number = 0.0
    """Keys that each token which decodes attends to on average, itself included."""
    tokens_per_sequence: Number = 1.0
    """Positions of each decoding sequence: more than 1 where a pass verifies what a draft proposed."""

    @property
    def tokens(self) -> Number:
        """How many positions the whole pass works on."""
        return self.prompt_tokens + self.sequences * self.tokens_per_sequence


class ServingSteps(Protocol):
    """What one replica of an inference plan takes for its forward passes; steps of numbers and of arrays alike.

    A cost model that prices loaded servers makes them: `serving(plan)`. Batch and lengths of that plan do not count.
    """

    @property
    def batches_in_flight(self) -> Number:
        """Batches that the replica works on at once, each on a pipeline stage of its own."""

    def step_seconds(self, step: Step) -> Number:
        """Through all pipeline stages, host and sampling included: from its start until its tokens are there."""

    def step_interval_seconds(self, step: Step) -> Number:
        """Until the replica can start another batch: the slowest pipeline stage; `step_seconds` where there is one."""

    def kv_bytes(self, tokens: Number) -> Number:
        """Cache of one sequence of so many tokens on the fullest GPU, in whole blocks where it is paged."""

    def fixed_memory(self, step_tokens: Number) -> Mapping[str, Number]:
        """Bytes on the fullest GPU beside the cache, by line: weights, workspace of a step of so many tokens, …."""

    def kv_transfer_seconds(self, tokens: Number) -> Number:
        """The cache of one sequence of so many tokens, from this replica to another over the links between them."""
