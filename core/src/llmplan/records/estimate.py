"""Estimates: what a plan costs, each total with its breakdown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import inf

from attrs import frozen

from llmplan.quantities import Number, floor, maximum, total, where
from llmplan.records.bottleneck import Bottleneck, bottleneck
from llmplan.records.energy import average_power, busy_share, energy_kwh
from llmplan.records.plan import InferencePlan, TrainingPlan
from llmplan.records.spread import Spread

_SECONDS_PER_HOUR = 3600.0
_MILLION = 1e6
_LITTLE_HEADROOM = 0.95
"""Share of the capacity above which the CUDA context and the allocator's slack may no longer fit.

NVIDIA aiconfigurator counts 0.55 to 3.5 GB of memory that is not the model's.
"""
_CONTEXT = "cuda_context"
"""The line of a cost model that counts what is not the model's."""
_LEFT_ALONE = "kept_free"
"""The line of a cost model that counts what a program leaves alone, which is headroom."""
_NOT_COUNTED = "the CUDA context and the allocator's slack, 0.5 to 3.5 GB, may not fit"
_NOTEWORTHY = 0.2
"""Share of an iteration above which waiting is worth a word."""
_WAITING = {
    "launch": "the host launches kernels more slowly than they run; a larger --micro-batch helps",
    "pipeline_bubble": "a larger --global-batch, a smaller --micro-batch or less --pp shorten it",
    "dp_comm": "a larger --global-batch, or fewer replicas, hides more of it",
}


class _Fit:
    """What memory_breakdown says about the device; shared by both estimates."""

    __slots__ = ()
    plan: TrainingPlan | InferencePlan
    memory_breakdown: Mapping[str, Number]

    @property
    def memory_bytes_per_gpu(self) -> Number:
        """On the fullest device."""
        return total(self.memory_breakdown.values())

    @property
    def memory_capacity_bytes(self) -> float:
        """Of one device."""
        return self.plan.hardware.memory_bytes

    @property
    def feasible(self) -> bool:
        """Whether the plan fits into memory."""
        return self.memory_bytes_per_gpu <= self.memory_capacity_bytes

    @property
    def has_headroom(self) -> bool:
        """Whether it fits with room for what the cost model does not count, or may be off by."""
        used = self.memory_bytes_per_gpu - self.memory_breakdown.get(_LEFT_ALONE, 0.0)
        return self.feasible & (used <= _LITTLE_HEADROOM * self.memory_capacity_bytes)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the reader has to know before trusting the figures."""
        return (*self.plan.warnings, *self.plan.layout_warnings, *self._concerns())

    def _concerns(self) -> Iterator[str]:
        if self.feasible and not self.has_headroom:
            share = self.memory_bytes_per_gpu / self.memory_capacity_bytes
            counted = _CONTEXT in self.memory_breakdown
            why = "predictions may be off by more than that" if counted else _NOT_COUNTED
            yield f"memory is {share:.1%} full: {why}"


@frozen(kw_only=True, eq=False, repr=False)
class TrainingEstimate(_Fit):
    """What a training run takes."""

    plan: TrainingPlan
    time_breakdown: Mapping[str, Number]
    """Seconds of one iteration."""
    forward_breakdown: Mapping[str, Number] | None
    """Seconds of one micro-batch on one pipeline stage; None where the plan states an MFU, which has no parts."""
    memory_breakdown: Mapping[str, Number]
    """Bytes on the fullest device."""
    model_flops: Number
    """Of one iteration on all devices: forward and backward, without recompute."""
    hardware_flops: Number
    """Of one iteration on all devices, recompute included."""
    spreads: Callable[[TrainingPlan], tuple[Spread, Spread]] | None = None
    """How far time and memory of a plan of numbers may be off; None where nothing was measured."""

    def _concerns(self) -> Iterator[str]:
        yield from super()._concerns()
        for line, way_out in _WAITING.items():
            share = self.time_breakdown.get(line, 0.0) / self.iteration_seconds
            if share > _NOTEWORTHY:
                yield f"{line} takes {share:.0%} of the time: {way_out}"
        if self.hfu > 1:
            yield f"HFU {self.hfu:.0%}: no hardware does that, the MFU is too high for this recompute mode"
        if self.goodput == 0:
            yield (
                f"goodput 0: the run makes no progress with a failure every {self.mtbf_seconds:,.3g} s "
                f"and a checkpoint every {self.checkpoint_interval_seconds:,.3g} s"
            )

    @property
    def time_spread(self) -> Spread | None:
        """What was measured of predicted times of this kind; None for a stated MFU, which is the user's."""
        stated = self.plan.efficiency.mfu is not None
        return None if self.spreads is None or stated else self.spreads(self.plan)[0]

    @property
    def memory_spread(self) -> Spread | None:
        """What was measured of predicted memory of this kind."""
        return None if self.spreads is None else self.spreads(self.plan)[1]

    @property
    def iteration_seconds(self) -> Number:
        """One optimizer step."""
        return total(self.time_breakdown.values())

    @property
    def _peak_flops(self) -> Number:
        return self.iteration_seconds * self.plan.layout.gpus * self.plan.gemm.peak_flops

    @property
    def mfu(self) -> Number:
        """Model FLOPs utilisation: model FLOPs / (time x GPUs x peak) (PaLM, arXiv:2204.02311, appendix B)."""
        return self.model_flops / self._peak_flops

    @property
    def hfu(self) -> Number:
        """Hardware FLOPs utilisation: as `mfu`, with the FLOPs of recomputation."""
        return self.hardware_flops / self._peak_flops

    @property
    def tokens_per_iteration(self) -> Number:
        """Global batch x sequence length."""
        return self.plan.global_batch * self.plan.seq_len

    @property
    def tokens_per_second(self) -> Number:
        """Over all devices."""
        return self.tokens_per_iteration / self.iteration_seconds

    @property
    def tokens_per_second_per_gpu(self) -> Number:
        """The same over one device."""
        return self.tokens_per_second / self.plan.layout.gpus

    @property
    def iterations(self) -> Number:
        """Whole iterations that the tokens last for."""
        return floor(self.plan.tokens / self.tokens_per_iteration)

    @property
    def training_seconds(self) -> Number:
        """All iterations, without failures, checkpoints or evaluation."""
        return self.iterations * self.iteration_seconds

    @property
    def gpu_hours(self) -> Number:
        """Devices x hours."""
        return self.training_seconds * self.plan.layout.gpus / _SECONDS_PER_HOUR

    @property
    def cost(self) -> Number | None:
        """GPU-hours x price, None where no price is known."""
        price = self.plan.price_per_gpu_hour
        return None if price is None else self.gpu_hours * price

    @property
    def mtbf_seconds(self) -> Number | None:
        """Mean time between failures of the whole run; None, as the next four are, where the plan has no failures."""
        failures = self.plan.failures
        return None if failures is None else failures.mtbf_seconds(self.plan.layout.gpus)

    @property
    def checkpoint_interval_seconds(self) -> Number | None:
        """Training between checkpoints."""
        failures = self.plan.failures
        return None if failures is None else failures.interval_seconds(self.plan.layout.gpus)

    @property
    def goodput(self) -> Number | None:
        """Training time / wall clock; 0 where failures come too fast for any progress."""
        failures = self.plan.failures
        return None if failures is None else failures.goodput(self.plan.layout.gpus)

    @property
    def wall_clock_seconds(self) -> Number | None:
        """All iterations with failures, restarts and checkpoints; infinite where there is no progress."""
        goodput = self.goodput
        if goodput is None:
            return None
        progress = goodput > 0
        return where(progress, self.training_seconds / where(progress, goodput, goodput + 1.0), goodput + inf)

    @property
    def wall_clock_gpu_hours(self) -> Number | None:
        """Devices x hours of the wall clock."""
        wall_clock = self.wall_clock_seconds
        return None if wall_clock is None else wall_clock * self.plan.layout.gpus / _SECONDS_PER_HOUR

    @property
    def average_power_watts(self) -> Number | None:
        """Of one accelerator over an iteration, None where its TDP is not known."""
        tdp = self.plan.hardware.tdp_watts
        return None if tdp is None else average_power(tdp, busy_share(self.time_breakdown))

    @property
    def energy_kwh(self) -> Number | None:
        """Of `training_seconds` on all accelerators, times PUE; None where their TDP is not known."""
        watts = self.average_power_watts
        return None if watts is None else energy_kwh(watts, self.gpu_hours, self.plan.pue)


@frozen(kw_only=True, eq=False, repr=False)
class InferenceEstimate(_Fit):
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
    longest_context: Callable[[InferencePlan], int] | None = None
    """Tokens of a sequence that fit at the batch of a plan of numbers; None where the cost model does not say."""
    prefill_bounds: Mapping[str, Number] | None = None
    """Seconds of prefill by what was waited for: ``compute``, ``weights``, ``kv_cache``, ``activations``,
    ``communication``, ``launch``, ``host``; None where the cost model does not say.
    """
    decode_bounds: Mapping[str, Number] | None = None
    """The same of a decode step."""
    spreads: Callable[[InferencePlan], tuple[Spread, Spread]] | None = None
    """How far the first token, and all further ones, of a plan of numbers may be off; None if nothing was measured."""
    crossing: Callable[[InferencePlan], int | None] | None = None
    """The least batch at which decoding a plan of numbers takes more time multiplying than reading weights; None where
    there is none, or the cost model does not say.
    """

    @property
    def first_token_spread(self) -> Spread | None:
        """What was measured of predicted first tokens of this kind."""
        return None if self.spreads is None else self.spreads(self.plan)[0]

    @property
    def next_token_spread(self) -> Spread | None:
        """What was measured of predicted tokens, answers and throughput of this kind."""
        return None if self.spreads is None else self.spreads(self.plan)[1]

    @property
    def prefill_bottleneck(self) -> Bottleneck | None:
        """What prefill waits for most."""
        return bottleneck(self.prefill_bounds)

    @property
    def decode_bottleneck(self) -> Bottleneck | None:
        """What decoding waits for most."""
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
        return None if watts is None else watts * self.plan.layout.gpus / self.tokens_per_second

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
        """The same over one device."""
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
