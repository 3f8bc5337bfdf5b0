"""What a static batch takes, each total with its breakdown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from attrs import frozen

from llmplan.arrays.quantities import Number, floor, maximum, total
from llmplan.estimate.fit import Fit
from llmplan.estimate.line import Bottleneck, bottleneck
from llmplan.estimate.spread import Spread
from llmplan.records.inference_plan import InferencePlan

_SECONDS_PER_HOUR = 3600.0
_MILLION = 1e6


@frozen(kw_only=True, eq=False, repr=False)
class InferenceEstimate(Fit):
    """What answering a static batch takes."""

    plan: InferencePlan
    prefill_breakdown: Mapping[str, Number]
    """Seconds until the prompts are read."""
    decode_breakdown: Mapping[str, Number]
    """Seconds of one generated token of every sequence."""
    memory_breakdown: Mapping[str, Number]
    """Bytes on the fullest device."""
    memory_bytes_per_sequence: Number = 0.0
    """What one more sequence of the batch adds; not looked at where `largest_batch` is given."""
    batches_in_flight: Number = 1
    """Batches that one replica works on at once, each on a pipeline stage of its own."""
    first_token: Number | None = None
    """Seconds of prefill through all stages; None where each takes as long as the one of the breakdown."""
    next_token: Number | None = None
    """The same of a decode step."""
    decode_steps: Number | None = None
    """Steps behind an answer, None where as many as output tokens: where prefill gives the first, one less."""
    largest_batch: Number | None = None
    """Sequences that fit into memory; None where it follows from `memory_bytes_per_sequence`."""
    host_bytes_per_gpu: Number | None = None
    """What waits in host memory for the fullest device; None where nothing does."""
    cache_bytes: Number | None = None
    """Room for the KV cache on the fullest device beside all else; less than none where the engine would not start."""
    cache_tokens: Number | None = None
    """Tokens of all sequences of a replica that it holds."""
    longest_context: Callable[[InferencePlan], int] | None = None
    """Tokens of a sequence that fit at the batch of a plan of numbers; None where the cost model does not say."""
    prefill_bounds: Mapping[str, Number] | None = None
    """Seconds of prefill by what was waited for, lines as those of a breakdown; None where the cost model does not say.
    """
    decode_bounds: Mapping[str, Number] | None = None
    """The same of a decode step."""
    request: Any = None
    """What was asked: an `InferRequest`; None where a cost model was asked directly."""
    spreads: Callable[[InferencePlan], tuple[Spread, Spread]] | None = None
    """How far the first token, and all further ones, of a plan of numbers may be off; None if nothing was measured."""
    spread_of_memory: Callable[[InferencePlan], Spread] | None = None
    """The same of what the fullest device holds."""
    ideal: Callable[[InferencePlan], tuple[Number, Number]] | None = None
    """Seconds of both at the printed peaks, below which no range goes; None where the cost model does not say."""
    crossing: Callable[[InferencePlan], int | None] | None = None
    """The least batch at which decoding a plan of numbers takes more time multiplying than reading weights; None where
    there is none, or the cost model does not say.
    """
    kept: tuple[Any, ...] = ()
    """Latencies that were asked for, each with whether it `holds`."""

    @property
    def feasible(self) -> bool:
        """Whether it fits, and keeps to the latencies that were asked for."""
        return self.fits and all(one.holds for one in self.kept)

    def _concerns(self) -> Iterator[str]:
        yield from super()._concerns()
        plan, room = self.plan, self.cache_tokens
        longest = plan.max_model_len or plan.model.max_seq_len
        if plan.engine.warm_up_bytes and self.fits and room is not None and longest is not None and longest > room:
            most = int(room // plan.engine.block_tokens * plan.engine.block_tokens)
            yield (
                f"{plan.engine.name} starts only if its cache holds the longest sequence, {longest:,} tokens, and "
                f"there is room for {most:,}: max-model-len {most} would do"
            )

    @property
    def first_token_spread(self) -> Spread | None:
        """What was measured of predicted first tokens of this kind; None where the user states an efficiency."""
        return self._spread(0, lambda first, _: first / self.first_token_seconds)

    @property
    def next_token_spread(self) -> Spread | None:
        """The same of further tokens."""
        return self._spread(1, lambda _, further: further / self.next_token_seconds)

    @property
    def memory_spread(self) -> Spread | None:
        """What was measured of predicted memory of this kind."""
        return None if self.spread_of_memory is None else self.spread_of_memory(self.plan)

    @property
    def total_spread(self) -> Spread | None:
        """The same of answers, and of throughput, which falls as they take longer."""
        return self._spread(1, lambda first, further: (first + self._steps * further) / self.total_seconds)

    throughput_spread = capacity_spread = total_spread

    def measured(self, which: int) -> Spread | None:
        """Of first tokens, 0, or further ones, 1, whatever is possible at all: where only the upper end counts."""
        return None if self.spreads is None or self.plan.efficiency.by_user else self.spreads(self.plan)[which]

    def _spread(self, which: int, share: Callable[[Number, Number], Number]) -> Spread | None:
        """Not below what ideal seconds are of the predicted ones."""
        spread = self.measured(which)
        return spread and (spread if self.ideal is None else spread.not_below(share(*self.ideal(self.plan))))

    @property
    def prefill_bottleneck(self) -> Bottleneck | None:
        """The resource that prefill waits for most."""
        return bottleneck(self.prefill_bounds)

    @property
    def decode_bottleneck(self) -> Bottleneck | None:
        """The resource that decoding waits for most."""
        return bottleneck(self.decode_bounds)

    @property
    def compute_bound_batch(self) -> int | None:
        """Sequences from which on decoding is bound by compute, no longer by reading weights."""
        return None if self.crossing is None else self.crossing(self.plan)

    @property
    def max_context(self) -> int | None:
        """Tokens of a sequence, prompt and answer, that fit at this batch."""
        return None if self.longest_context is None else self.longest_context(self.plan)

    @property
    def average_power_watts(self) -> Number | None:
        """Of one accelerator while it serves: its TDP; None where that is not known."""
        return self.plan.hardware.tdp_watts

    @property
    def joules_per_token(self) -> Number | None:
        """Energy of all accelerators over generated tokens."""
        watts = self.average_power_watts
        return None if watts is None else watts * self.plan.pue * self.plan.layout.gpus / self.tokens_per_second

    @property
    def prefill_seconds(self) -> Number:
        """Reading the prompts, on one pipeline stage."""
        return total(self.prefill_breakdown.values())

    @property
    def decode_seconds_per_token(self) -> Number:
        """Generating one token of every sequence, on one pipeline stage."""
        return total(self.decode_breakdown.values())

    @property
    def first_token_seconds(self) -> Number:
        """What a user waits for: prefill on every pipeline stage in turn."""
        return self.batches_in_flight * self.prefill_seconds if self.first_token is None else self.first_token

    @property
    def next_token_seconds(self) -> Number:
        """What a user waits for each further token: a decode step on every pipeline stage in turn."""
        return self.batches_in_flight * self.decode_seconds_per_token if self.next_token is None else self.next_token

    @property
    def total_seconds(self) -> Number:
        """A whole answer: prefill and the decode steps."""
        return self.first_token_seconds + self._steps * self.next_token_seconds

    @property
    def _steps(self) -> Number:
        return self.plan.output_tokens if self.decode_steps is None else self.decode_steps

    @property
    def tokens_per_second(self) -> Number:
        """Generated tokens over the whole time, all replicas together.

        Batches in flight take turns on the slowest stage: it may be busy for longer than one of them waits.
        """
        busy = self._busy_prefill + self.batches_in_flight * self._steps * self.decode_seconds_per_token
        return self._sequences * self.plan.output_tokens / maximum(self.total_seconds, busy)

    @property
    def _busy_prefill(self) -> Number:
        """Seconds in which a stage reads the prompts of all batches in flight."""
        return self.batches_in_flight * self.prefill_seconds

    @property
    def tokens_per_second_per_gpu(self) -> Number:
        """Generated tokens a second, divided by the number of devices."""
        return self.tokens_per_second / self.plan.layout.gpus

    @property
    def max_batch_size(self) -> Number:
        """The largest batch of one replica that fits, 0 where not even one sequence does."""
        if self.largest_batch is not None:
            return self.largest_batch
        fixed = self.memory_bytes_per_gpu - self.plan.batch * self.memory_bytes_per_sequence
        room = self.memory_capacity_bytes - fixed
        return floor(room / self.memory_bytes_per_sequence) * (room > 0)

    @property
    def cost_per_million_tokens(self) -> Number | None:
        """Of generated tokens, all that answers take; None where no price is known."""
        price = self._price_of_a_second
        return None if price is None else price / self.tokens_per_second * _MILLION

    @property
    def cost_per_million_input_tokens(self) -> Number | None:
        """Of prompt tokens: the price of prefill over them."""
        price, plan = self._price_of_a_second, self.plan
        if price is None:
            return None
        return price * self._busy_prefill / (self._sequences * plan.prompt_tokens) * _MILLION

    @property
    def cost_per_million_output_tokens(self) -> Number | None:
        """Of generated tokens: the price of decoding over them."""
        price, plan = self._price_of_a_second, self.plan
        if price is None:
            return None
        tokens = self._sequences * plan.output_tokens
        return price * (tokens / self.tokens_per_second - self._busy_prefill) / tokens * _MILLION

    @property
    def _price_of_a_second(self) -> Number | None:
        price = self.plan.price_per_gpu_hour
        return None if price is None else price * self.plan.layout.gpus / _SECONDS_PER_HOUR

    @property
    def _sequences(self) -> Number:
        """In work at once, on all replicas."""
        return self.batches_in_flight * self.plan.batch * self.plan.layout.dp
