"""The cost model ``megatron``: what the core asks of it, and where the answers are."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from llmplan.estimate import TrainingEstimate
from llmplan.records import (
    Efficiency,
    TrainingPlan,
    Tuning,
)
from llmplan_costing.by_column import priced_by_column
from llmplan_costing.kernel_efficiency import kernel_efficiency
from llmplan_parallelism_megatron import lines
from llmplan_parallelism_megatron.kernels.reached import collective_curve
from llmplan_parallelism_megatron.rank import Rank
from llmplan_parallelism_megatron.rules.training import check, illegal, remarks, worded
from llmplan_parallelism_megatron.training.host import host_memory
from llmplan_parallelism_megatron.training.iteration import time_breakdown
from llmplan_parallelism_megatron.training.memory import training_memory
from llmplan_parallelism_megatron.training.pipeline import pipeline

if TYPE_CHECKING:
    from llmplan.arrays.quantities import Number
    from llmplan.estimate import Command, Explained, InferenceEstimate, Spread
    from llmplan.records import (
        HardwareProfile,
        InferencePlan,
        KernelCurves,
        NumberFormat,
        ServingSteps,
    )


@frozen(repr=False)
class Megatron:
    """Operators by their shapes, collectives over the links that they cross, the pipeline's schedule, the optimizer."""

    name: str = "megatron"
    default: bool = True
    description: str = (
        "operators by shape, collectives by the links they cross, pipeline schedule, exposed data parallel traffic, "
        "optimizer step; serving on the kernels of an engine"
    )

    serving_in_arrays: bool = True
    """Layouts of servers may be arrays: a search prices many side by side."""

    def efficiency(self, hardware: HardwareProfile, gemm: NumberFormat, phase: Command) -> Efficiency:
        """Curves of kernels and links, where the accelerator has them."""
        curves = hardware.kernels
        if curves is None:
            return kernel_efficiency(hardware, gemm)
        reached = curves.gemm.get(gemm.name) or min(curves.gemm.values(), key=lambda curve: curve.plateau)
        return Efficiency(
            flops=reached.plateau,
            hbm=curves.hbm,
            scale_up=collective_curve(curves, "all_gather").plateau,
            scale_out=curves.network.plateau,
            curves=curves,
            source=f"by shape, large GEMMs {reached.plateau:.2f}, HBM {curves.hbm:.2f}: {_source(curves, phase)}",
        )

    def completed(self, hardware: HardwareProfile) -> tuple[HardwareProfile, tuple[str, ...]]:
        """What nobody timed reaches what the slower ones of those that were timed do."""
        from llmplan_costing.uncalibrated import borrowing

        return borrowing(hardware)

    def check(self, plan: TrainingPlan | InferencePlan) -> tuple[str, ...]:
        """Splits that do not go, groups that leave the scale-up domain."""
        if isinstance(plan, TrainingPlan):
            return check(plan)
        from llmplan_parallelism_megatron.rules import serving as checks

        return checks.check(plan)

    def illegal(self, plan: TrainingPlan | InferencePlan) -> Mapping[str, Number]:
        """By rule, where `check` refuses plans."""
        if isinstance(plan, TrainingPlan):
            return illegal(plan)
        from llmplan_parallelism_megatron.rules import serving

        return serving.illegal(plan)

    def worded(self, plan: TrainingPlan) -> Number:
        """Where `check` has words against layouts."""
        where: Number = worded(plan)
        return where

    def bounds(self, plan: TrainingPlan) -> tuple[Number, Number]:
        """Computation and all-reduces of layers at plateaus; states, and activations of layers."""
        from llmplan_parallelism_megatron.training.bounds import bounds

        return bounds(plan)

    def spreads(self, plan: TrainingPlan) -> tuple[Spread, Spread]:
        """How far time and memory of plans of this kind may be off."""
        return _spreads(plan)

    def kernel_seconds(
        self, kernel: str, sizes: Mapping[str, float], hardware: HardwareProfile, gemm: NumberFormat, of: Efficiency
    ) -> float:
        """A multiplication, a copy, attention or a collective, timed alone."""
        from llmplan_parallelism_megatron.kernels.alone import seconds

        return seconds(kernel, sizes, hardware, gemm, of)

    def remarks(self, plan: TrainingPlan | InferencePlan) -> tuple[str, ...]:
        """What the reader has to know, whatever the layout."""
        if isinstance(plan, TrainingPlan):
            return remarks(plan)
        from llmplan_parallelism_megatron.rules import serving as checks

        return checks.remarks(plan)

    def train(self, plan: TrainingPlan) -> TrainingEstimate:
        """T = m t + bubble + exposed data parallel traffic + optimizer + host."""
        return priced_by_column(_train, plan)

    def explain(self, plan: TrainingPlan | InferencePlan) -> tuple[Explained, ...]:
        """Every line of the breakdowns with its formula, the numbers put in, and its source."""
        from llmplan_parallelism_megatron.explained import explain_inference, explain_training

        return explain_training(plan) if isinstance(plan, TrainingPlan) else explain_inference(plan)

    def infer(self, plan: InferencePlan) -> InferenceEstimate:
        """Prompts in one pass, then a pass for each further token."""
        from llmplan_parallelism_megatron.serving.infer import infer

        return infer(plan)

    def serving_memory(self, plan: InferencePlan) -> Mapping[str, Number]:
        """Of the batch that `infer` prices."""
        from llmplan_parallelism_megatron.serving.infer import memory_lines

        return memory_lines(plan)

    def serving(self, plan: InferencePlan) -> ServingSteps:
        """What the steps of a server take."""
        from llmplan_parallelism_megatron.serving.steps import Steps

        return Steps(plan)


def _source(curves: KernelCurves, phase: Command) -> str:
    serving = curves.serving
    return curves.source if phase == "train" or serving is None else f"{curves.source}; serving: {serving.source}"


def _train(plan: TrainingPlan) -> TrainingEstimate:
    rank = useful = timed = Rank.of(plan)
    if plan.data is not None:  # memory has to hold the longest sequence, time is that of the mean
        timed = Rank.of(evolve(plan, seq_len=plan.worked_tokens))
        useful = Rank.of(evolve(plan, seq_len=plan.sequence_tokens))
    work = pipeline(timed)
    replicas = plan.gradient_accumulation * plan.layout.dp * plan.layout.cp
    forward, worked = useful.whole.flops * replicas, timed.whole.flops * replicas
    recompute = timed.whole.recomputed_flops(plan.recompute) * replicas
    backward = 2.0 if plan.tuning is Tuning.FULL else 1.0
    fullest, first = training_memory(rank)
    return TrainingEstimate(
        plan=plan,
        time_breakdown=lines.seconds(time_breakdown(timed, work)),
        forward_breakdown=lines.seconds(work.forward_lines),
        memory_breakdown=lines.held(fullest, plan.hardware),
        first_stage_memory=lines.held(first, plan.hardware),
        model_flops=(1.0 + backward) * forward,
        hardware_flops=(1.0 + backward) * worked + recompute,
        spreads=_spreads,
        ideal=_ideal,
        host_bytes_per_gpu=host_memory(rank) if _offloads(plan) else None,
    )


def _offloads(plan: TrainingPlan) -> bool:
    """Whether a plan of numbers keeps anything in host memory."""
    return plan.waits_on_host is True or plan.optimizer.paged


@lru_cache(maxsize=2)  # one report asks sixteen times, of a plan and of what would do instead
def _ideal(estimate: TrainingEstimate) -> Number:
    """What no run takes less than."""
    from llmplan_parallelism_megatron.training.ideal import ideal_seconds

    return ideal_seconds(estimate)


@lru_cache(maxsize=2)
def _spreads(plan: TrainingPlan) -> tuple[Spread, Spread]:
    """How far off time and memory may be, by kind of plan."""
    from llmplan_parallelism_megatron.ranges.training import spreads

    return spreads(plan)
