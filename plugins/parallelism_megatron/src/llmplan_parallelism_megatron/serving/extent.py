"""Which tokens a pass works on, and how many they look back on."""

from __future__ import annotations

from math import inf

from attrs import frozen

from llmplan.arrays.quantities import Number, maximum, minimum
from llmplan.records import Step, Works


@frozen(eq=False, repr=False)
class Extent:
    """So many sequences, of each of which the tokens at positions `start` + 1 to `end` look back."""

    sequences: Number
    start: Number
    end: Number
    each: Number
    """Tokens of a sequence in one pass: all of the extent of a prompt, one of it while decoding."""

    @property
    def tokens(self) -> Number:
        """How many tokens one pass works on."""
        return self.sequences * self.each

    def keys(self, window: Number) -> Number:
        """Mean of min(position, w) over the extent: (s + 1 + e)/2 without a window, w beyond it.

        The sum over positions x of min(x, w) is (m - s)(m + s + 1)/2 + (e - m) w with m = min(e, max(s, w)); attention
        over a cache takes time in proportion to it, so that the mean over a growing cache is exact.
        """
        turning = minimum(self.end, maximum(self.start, window))
        below = 0.5 * (turning - self.start) * (turning + self.start + 1.0)
        beyond = (self.end - turning) * (0.0 if window == inf else window)
        return (below + beyond) / maximum(self.end - self.start, 1.0)

    def cached(self, window: Number) -> Number:
        """Tokens of a sequence that one pass reads from the cache."""
        return minimum(self.keys(window) + 0.5 * (self.each - 1.0), window + self.each - 1.0)


@frozen(eq=False, repr=False)
class Flow:
    """One forward pass of a replica: prompts beside sequences that decode, either of which may be none."""

    prompts: Extent
    decoding: Extent

    @property
    def tokens(self) -> Number:
        """How many tokens multiplications work on."""
        return self.prompts.tokens + self.decoding.tokens

    @property
    def rows(self) -> Number:
        """Positions of which logits are made: the last of each prompt, each that decodes."""
        return self.prompts.sequences + self.decoding.tokens

    def over(self, works: Works) -> Flow:
        """Of a pass what an operator works on: all, the prompts, or answers, whose first token follows a prompt.

        What works once on a sequence, as on one token, does so when that is read; of one that is read in parts, in
        proportion to them.
        """
        if works is Works.ALL:
            return self
        read = self.prompts
        if works is Works.SEQUENCE:
            return Flow(Extent(read.tokens / maximum(read.end, 1.0), 0.0, 1.0, 1.0), _NONE)
        if works is Works.PROMPT:
            return Flow(read, _NONE)
        return Flow(Extent(read.sequences, maximum(read.end - 1.0, 0.0), read.end, 1.0), self.decoding)

    def of_one_at_least(self) -> Flow:
        """With a token of a prompt where there is none."""
        read = self.prompts
        some = [maximum(number, 1.0) for number in (read.sequences, read.end, read.each)]
        return Flow(Extent(some[0], read.start, some[1], some[2]), self.decoding)


_NONE = Extent(0.0, 0.0, 0.0, 0.0)


def of_prompts(sequences: Number, tokens: Number, passes: Number = 1.0) -> Flow:
    """The mean of so many passes over whole prompts: of several at once, or of parts of one that is too long."""
    at_once = maximum(sequences / passes, 1.0)
    return Flow(Extent(at_once, 0.0, tokens, sequences * tokens / passes / at_once), _NONE)


def of_decoding(sequences: Number, prompt: Number, generated: Number) -> Flow:
    """The mean step of decoding: the first of `generated` tokens comes of the prompt, the others look back on all."""
    return Flow(_NONE, Extent(sequences, prompt, prompt + maximum(generated - 1.0, 1.0), 1.0))


def of_step(step: Step) -> Flow:
    """A step of a server, whose contexts are means."""
    each = step.prompt_tokens / maximum(step.prompts, 1.0)
    end = step.prompt_context + 0.5 * (each - 1.0)
    prompts = Extent(step.prompts, maximum(end - each, 0.0), maximum(end, 0.0), each)
    context = maximum(step.context, 1.0)
    return Flow(prompts, Extent(step.sequences, context - 1.0, context, step.tokens_per_sequence))
