"""Speculative decoding: how many tokens a step yields, and what it costs with its draft."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import evolve, frozen

from llmplan.arrays.quantities import Number, maximum, where
from llmplan.estimate.line import ONCE_A_DEVICE, Line, kind_of
from llmplan.records import ServingSteps, Step


def yield_probabilities(alpha: float, gamma: int) -> list[float]:
    """Of 1, 2, … gamma + 1 tokens: alpha^i (1 - alpha) of i accepted and one corrected, alpha^gamma of all."""
    return [alpha**accepted * (1.0 - alpha) for accepted in range(gamma)] + [alpha**gamma]


def expected_steps(tokens: int, probabilities: list[float]) -> list[float]:
    """Steps until 0, 1, … so many tokens are there: m(t) = 1 + sum of p_j m(t - j), what is too much thrown away."""
    steps = [0.0]
    for wanted in range(1, tokens + 1):
        steps.append(1.0 + sum(p * steps[max(0, wanted - j)] for j, p in enumerate(probabilities, 1)))
    return steps


@frozen(eq=False)
class SpeculatingSteps:
    """Steps that verify what a draft model proposed, and its own steps before them."""

    model: ServingSteps
    draft: ServingSteps | None
    """None where proposing costs nothing."""
    draft_tokens: int

    @property
    def batches_in_flight(self) -> Number:
        """How many batches the model works on at once."""
        return self.model.batches_in_flight

    def step_seconds(self, step: Step) -> Number:
        """Verification of gamma + 1 positions a sequence, after gamma steps of the draft."""
        return self.model.step_seconds(self._verification(step)) + self._draft_seconds(step)

    def step_interval_seconds(self, step: Step) -> Number:
        """The same of the slowest stage; the draft's steps are not overlapped."""
        return self.model.step_interval_seconds(self._verification(step)) + self._draft_seconds(step)

    def kv_bytes(self, tokens: Number) -> Number:
        """Bytes of the caches of the model and of its draft."""
        return self.model.kv_bytes(tokens) + (0.0 if self.draft is None else self.draft.kv_bytes(tokens))

    def fixed_memory(self, step_tokens: Number) -> Mapping[str, Number]:
        """That of the model, and the draft's lines as lines of their own."""
        fixed = dict(self.model.fixed_memory(step_tokens))
        drafted = {} if self.draft is None else self.draft.fixed_memory(step_tokens)
        return {
            **fixed,
            **{_of_draft(line): size for line, size in drafted.items() if kind_of(line) not in ONCE_A_DEVICE},
        }

    def kv_transfer_seconds(self, tokens: Number) -> Number:
        """Both caches, one after the other."""
        draft = 0.0 if self.draft is None else self.draft.kv_transfer_seconds(tokens)
        return self.model.kv_transfer_seconds(tokens) + draft

    def _verification(self, step: Step) -> Step:
        return evolve(step, tokens_per_sequence=1.0 + self.draft_tokens)

    def _draft_seconds(self, step: Step) -> Number:
        """The draft reads the same prompts, and takes gamma steps of a token; none where nothing is decoded."""
        if self.draft is None:
            return 0.0
        first = self.draft.step_seconds(step)
        further = evolve(step, prompt_tokens=0.0, prompt_context=0.0, prompts=0.0)
        alone = self.draft.step_seconds(evolve(further, sequences=maximum(step.sequences, 1.0)))
        return first + (self.draft_tokens - 1) * where(step.sequences > 0, alone, 0.0)


def _of_draft(line: str) -> str:
    return line.renamed("draft", "the draft's") if isinstance(line, Line) else f"draft_{line}"
