"""The cost model ``roofline``: the accounting behind the published LLaMA tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from attrs import frozen

from llmplan.arrays.quantities import total
from llmplan.estimate import TrainingEstimate
from llmplan.records import TrainingPlan
from llmplan_costing.by_column import by_column, priced_by_column
from llmplan_costing.sharding import rank_of
from llmplan_parallelism_roofline import lines, seconds as time
from llmplan_parallelism_roofline.efficiency import default_efficiency
from llmplan_parallelism_roofline.memory import inference_memory, training_memory
from llmplan_parallelism_roofline.rules import check, illegal, remarks, worded

if TYPE_CHECKING:
    from llmplan.arrays.quantities import Number
    from llmplan.estimate import Command, Explained, InferenceEstimate
    from llmplan.records import Efficiency, HardwareProfile, InferencePlan, LoweredModel, NumberFormat


@frozen(repr=False)
class Roofline:
    """Every part of a layer is bound by compute or by memory; a forward pass adds tensor parallel all-reduces.

    Inference is made of such passes; it leaves out pipeline traffic and decode attention over the cache. Training time
    is FLOPs / (GPUs x peak x FLOPs efficiency) alone: that efficiency has to hold memory-bound work, all communication,
    bubbles and the optimizer step.
    """

    name: str = "roofline"
    default: bool = False
    description: str = (
        "training time is FLOPs / (GPUs x peak x FLOPs efficiency) alone; inference leaves out pipeline traffic and "
        "decode attention"
    )

    def efficiency(self, hardware: HardwareProfile, gemm: NumberFormat, phase: Command) -> Efficiency:
        """What whole runs reach in training, what kernels reach in inference."""
        return default_efficiency(hardware, gemm, phase)

    def completed(self, hardware: HardwareProfile) -> tuple[HardwareProfile, tuple[str, ...]]:
        """What nobody timed reaches what the slower ones of those that were timed do."""
        from llmplan_costing.uncalibrated import borrowing

        return borrowing(hardware)

    def check(self, plan: TrainingPlan | InferencePlan) -> tuple[str, ...]:
        """Uneven splits, groups that leave the scale-up domain, bubbles."""
        return check(plan)

    def remarks(self, plan: TrainingPlan | InferencePlan) -> tuple[str, ...]:
        """Efficiencies that do not count, batches in flight, dtypes that nobody trains in."""
        return remarks(plan)

    def illegal(self, plan: TrainingPlan) -> Mapping[str, Number]:
        """By rule, where `check` refuses plans."""
        return illegal(plan)

    def worded(self, plan: TrainingPlan) -> Number:
        """Where `check` has words against layouts."""
        where: Number = worded(plan)
        return where

    def bounds(self, plan: TrainingPlan) -> tuple[Number, Number]:
        """The figures themselves, which are not worth an approximation; without the forward pass of a stage."""
        with by_column(plan) as (seen, filled):
            model = seen.model.lower(seen.micro_batch, seen.seq_len)
            seconds = _seconds(seen, *_flops(seen, model))
            memory = training_memory(seen, rank_of(model, seen.layout))
            return filled(total(seconds.values())), filled(total(memory.values()))

    def explain(self, plan: TrainingPlan | InferencePlan) -> tuple[Explained, ...]:
        """Every line of the estimate by its formula, with numbers."""
        from llmplan_costing.explained import explained_lines
        from llmplan_costing.recording import recorded

        with recorded():
            if isinstance(plan, TrainingPlan):
                run = _train(plan)
                time_of = {"": run.time_breakdown, "forward pass": run.forward_breakdown or {}}
                held = run.memory_breakdown
            else:
                batch = self.infer(plan)
                time_of = {"prefill": batch.prefill_breakdown, "decode": batch.decode_breakdown}
                held = batch.memory_breakdown
        seconds = (line for phase, lines in time_of.items() for line in explained_lines(lines, "s", phase))
        return (*seconds, *explained_lines(held, "bytes"))

    def train(self, plan: TrainingPlan) -> TrainingEstimate:
        """Time = (3 forward + recomputed FLOPs) / (GPUs x F)."""
        return priced_by_column(_train, plan)

    def infer(self, plan: InferencePlan) -> InferenceEstimate:
        """Prefill is the forward pass over the prompt, decode that over one token and the KV cache."""
        from llmplan.estimate import InferenceEstimate
        from llmplan.records import Phase

        prefill = rank_of(plan.model.lower(plan.batch, plan.prompt_tokens, phase=Phase.PREFILL), plan.layout)
        decode = rank_of(plan.model.lower(plan.batch, 1, phase=Phase.DECODE), plan.layout)
        memory = inference_memory(plan, prefill)
        return InferenceEstimate(
            plan=plan,
            prefill_breakdown=lines.seconds(time.forward_breakdown(prefill, plan)),
            decode_breakdown=lines.seconds(
                {**time.forward_breakdown(decode, plan), "kv_cache": time.kv_cache_seconds(decode, plan)}
            ),
            memory_breakdown=lines.held(memory),
            memory_bytes_per_sequence=(memory["kv_cache"] + memory["activations"]) / plan.batch,
            batches_in_flight=plan.layout.pp,
        )


def _train(plan: TrainingPlan) -> TrainingEstimate:
    model = plan.model.lower(plan.micro_batch, plan.seq_len)
    forward, recompute = _flops(plan, model)
    rank = rank_of(model, plan.layout)
    return TrainingEstimate(
        plan=plan,
        time_breakdown=lines.seconds(_seconds(plan, forward, recompute)),
        forward_breakdown=lines.seconds(time.forward_breakdown(rank, plan, time.training_score_traffic(plan))),
        memory_breakdown=lines.held(training_memory(plan, rank)),
        model_flops=3 * forward,
        hardware_flops=3 * forward + recompute,
    )


def _flops(plan: TrainingPlan, model: LoweredModel) -> tuple[Number, Number]:
    """Of an iteration: forward, and recomputed."""
    micro_batches = plan.gradient_accumulation * plan.layout.dp
    return model.flops * micro_batches, model.recomputed_flops(plan.recompute) * micro_batches


def _seconds(plan: TrainingPlan, forward: Number, recompute: Number) -> dict[str, Number]:
    gpus, rate = plan.layout.gpus, time.flops_per_second(plan)
    flops = {"forward": forward, "backward": 2 * forward, "recompute": recompute}
    return {name: time.run_seconds(of_pass, gpus, rate) for name, of_pass in flops.items()}
