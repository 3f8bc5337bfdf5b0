"""What a training run takes, each total with its breakdown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import inf
from typing import TYPE_CHECKING, Any

from attrs import frozen

from llmplan.arrays.quantities import floor, total, where
from llmplan.estimate.energy import average_power, busy_share, energy_kwh
from llmplan.estimate.fit import Fit
from llmplan.estimate.line import Line
from llmplan.records.model import Recompute

if TYPE_CHECKING:
    from llmplan.arrays.quantities import Number
    from llmplan.estimate.spread import Spread
    from llmplan.records.plan import TrainingPlan

_SECONDS_PER_HOUR = 3600.0
_ROUNDING = 1.0 + 1e-12
_NOTEWORTHY = 0.2
"""Share of an iteration above which waiting is worth a word."""


@frozen(kw_only=True, eq=False, repr=False)
class TrainingEstimate(Fit):
    """What a training run takes: time, memory, energy and money."""

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
    """How far time and memory of a plan, or of an array of them, may be off; None where nothing was measured."""
    ideal: Callable[[TrainingEstimate], Number] | None = None
    """Seconds of an iteration at the printed peaks, below which no range goes; None if the cost model does not say."""
    host_bytes_per_gpu: Number | None = None
    """What waits in host memory, of a plan of numbers; None where nothing does."""
    first_stage_memory: Mapping[str, Number] | None = None
    """Bytes on a device of the first pipeline stage, of a plan of numbers; None where the cost model does not say."""
    by_estimate: TrainingEstimate | None = None
    """Which of the same plans the point estimates alone would have chosen; None where that is this one."""
    request: Any = None
    """What was asked: a `TrainRequest`; None where a cost model was asked directly."""

    def _concerns(self) -> Iterator[str]:
        yield from super()._concerns()
        for line, seconds in self.time_breakdown.items():
            share = seconds / self.iteration_seconds
            if share > _NOTEWORTHY and isinstance(line, Line) and line.idle and line.advice:
                yield f"{line} takes {share:.0%} of the time: {line.advice}"
        if self.goodput == 0:
            yield (
                f"goodput 0: the run makes no progress with a failure every {self.mtbf_seconds:,.3g} s "
                f"and a checkpoint every {self.checkpoint_interval_seconds:,.3g} s"
            )

    @property
    def time_spread(self) -> Spread | None:
        """What was measured of predicted times of this kind; None where the user states an efficiency."""
        if self.spreads is None or self.plan.efficiency.by_user:
            return None
        spread = self.spreads(self.plan)[0]
        return spread if self.ideal is None else spread.not_below(self.ideal(self) / self.iteration_seconds)

    @property
    def memory_spread(self) -> Spread | None:
        """What was measured of predicted memory of this kind."""
        return None if self.spreads is None else self.spreads(self.plan)[1]

    @property
    def memory_bytes_at_confidence(self) -> Number:
        """What the fullest device holds at most, with the confidence of the plan."""
        spread = self.memory_spread
        doubt = 1.0 if spread is None else spread.upper(self.plan.confidence)
        return self.memory_bytes_per_gpu * doubt

    @property
    def feasible(self) -> bool:
        """Whether it fits with the confidence of its plan, and leaves the headroom free by the estimate."""
        allowed = (1.0 - self.plan.memory_headroom) * self.memory_capacity_bytes
        return (self.memory_bytes_at_confidence <= self.memory_capacity_bytes) & (self.memory_bytes_per_gpu <= allowed)

    @property
    def iteration_seconds(self) -> Number:
        """Seconds of one iteration, from one optimizer step to the next."""
        return total(self.time_breakdown.values())

    @property
    def _peak_flops(self) -> Number:
        return self.iteration_seconds * self.plan.layout.gpus * self.plan.gemm.peak_flops

    @property
    def mfu(self) -> Number:
        """Model FLOPs utilisation: model FLOPs / (time x GPUs x peak) (PaLM, arXiv:2204.02311, appendix B)."""
        return self.model_flops / self._peak_flops

    @property
    def mfu_causal(self) -> Number:
        """The same with half of attention over the sequence: what a causal mask leaves (Llama 3, arXiv:2407.21783)."""
        return self.causal_flops / self._peak_flops

    @property
    def causal_flops(self) -> Number:
        """`model_flops` without the half of attention that a causal mask hides."""
        lowered = self.plan.model.lower(self.plan.global_batch, self.plan.sequence_tokens)
        hidden = 0.5 * lowered.recomputed_flops(Recompute.ATTENTION_COMPUTE) / lowered.flops
        return self.model_flops * (1.0 - hidden)

    @property
    def hfu(self) -> Number:
        """Hardware FLOPs utilisation: as `mfu`, with the FLOPs of recomputation."""
        return self.hardware_flops / self._peak_flops

    @property
    def tokens_per_iteration(self) -> Number:
        """Tokens of one iteration: global batch x sequence length, without padding."""
        return self.plan.global_batch * self.plan.sequence_tokens

    @property
    def padding(self) -> Number | None:
        """Of the tokens that are worked on, those that are padding; None where none is added."""
        plan = self.plan
        return None if plan.data is None or plan.data.packed else 1.0 - plan.sequence_tokens / plan.worked_tokens

    @property
    def tokens_per_second(self) -> Number:
        """Tokens a second that all devices train on together."""
        return self.tokens_per_iteration / self.iteration_seconds

    @property
    def tokens_per_second_per_gpu(self) -> Number:
        """Tokens a second, divided by the number of devices."""
        return self.tokens_per_second / self.plan.layout.gpus

    @property
    def iterations(self) -> Number:
        """Whole iterations that the tokens last for."""
        return floor(self.plan.tokens / self.tokens_per_iteration * _ROUNDING)

    @property
    def training_seconds(self) -> Number:
        """All iterations, without failures, checkpoints or evaluation."""
        return self.iterations * self.iteration_seconds

    @property
    def training_seconds_at_confidence(self) -> Number | None:
        """What `training_seconds` stays below with the confidence of the plan; None where its range is not known."""
        spread = self.time_spread
        return None if spread is None else self.training_seconds * spread.upper(self.plan.confidence)

    @property
    def run_seconds(self) -> Number:
        """What a run takes: the wall clock where the plan has failures, else `training_seconds`."""
        wall_clock = self.wall_clock_seconds
        return self.training_seconds if wall_clock is None else wall_clock

    @property
    def gpu_hours(self) -> Number:
        """GPU-hours of the run: devices x hours, without failures."""
        return self.training_seconds * self.plan.layout.gpus / _SECONDS_PER_HOUR

    @property
    def cost(self) -> Number | None:
        """GPU-hours of the run x price: where failures are stated those of the wall clock, which are paid as well. None
        where no price is known.
        """
        price = self.plan.price_per_gpu_hour
        return None if price is None else self.run_gpu_hours * price

    @property
    def run_gpu_hours(self) -> Number:
        """Devices x hours of the run, in which failures lose some where they are stated."""
        wall_clock = self.wall_clock_gpu_hours
        return self.gpu_hours if wall_clock is None else wall_clock

    @property
    def mtbf_seconds(self) -> Number | None:
        """Mean time between failures of the whole run; None, as the next four are, where the plan has no failures."""
        failures = self.plan.failures
        return None if failures is None else failures.mtbf_seconds(self.plan.layout.gpus)

    @property
    def checkpoint_interval_seconds(self) -> Number | None:
        """Seconds of training between two checkpoints."""
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
