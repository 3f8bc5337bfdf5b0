"""The cost model ``megatron``."""

from __future__ import annotations

from attrs import evolve, frozen

from llmplan.quantities import Number, maximum
from llmplan.records import (
    Efficiency,
    HardwareProfile,
    InferenceEstimate,
    InferencePlan,
    LoweredModel,
    NumberFormat,
    Phase,
    TrainingEstimate,
    TrainingPlan,
    Tuning,
)
from llmplan_parallelism_megatron import roofline_time
from llmplan_parallelism_megatron.megatron.checks import check, remarks
from llmplan_parallelism_megatron.megatron.data_parallel import exposed_seconds
from llmplan_parallelism_megatron.megatron.kernels import kernels
from llmplan_parallelism_megatron.megatron.links import groups_of
from llmplan_parallelism_megatron.megatron.memory import activation_bytes, training_memory
from llmplan_parallelism_megatron.megatron.optimizer_step import host_bytes_per_second, optimizer_seconds
from llmplan_parallelism_megatron.megatron.parameters import stage_parameters
from llmplan_parallelism_megatron.megatron.schedule import Pipeline, pipeline
from llmplan_parallelism_megatron.roofline import Roofline
from llmplan_parallelism_megatron.roofline_efficiency import default_efficiency
from llmplan_parallelism_megatron.sharding import rank_of, state_elements


@frozen
class Megatron:
    """Every operator by its shape, collectives over the links that they cross, the pipeline's schedule, the optimizer."""

    name: str = "megatron"
    default: bool = True
    description: str = (
        "operators by shape, collectives by the links they cross, pipeline schedule, exposed data parallel traffic, "
        "optimizer step; inference as roofline prices it"
    )

    def efficiency(self, hardware: HardwareProfile, gemm: NumberFormat, phase: Phase) -> Efficiency:
        """Curves of kernels and links, where the accelerator has them."""
        curves = hardware.kernels
        if phase == "infer" or curves is None:
            return default_efficiency(hardware, gemm, "infer")
        reached = curves.gemm.get(gemm.name) or min(curves.gemm.values(), key=lambda curve: curve.plateau)
        return Efficiency(
            flops=reached.plateau,
            hbm=curves.hbm,
            scale_up=curves.collectives["all_gather"].plateau,
            scale_out=curves.network.plateau,
            curves=curves,
            source=f"by shape, large GEMMs {reached.plateau:.2f}, HBM {curves.hbm:.2f}: {curves.source}",
        )

    def check(self, plan: TrainingPlan | InferencePlan) -> tuple[str, ...]:
        """Splits that do not go, groups that leave the scale-up domain."""
        return check(plan)

    def remarks(self, plan: TrainingPlan | InferencePlan) -> tuple[str, ...]:
        """What the reader has to know, whatever the layout."""
        return remarks(plan)

    def train(self, plan: TrainingPlan) -> TrainingEstimate:
        """T = m t + bubble + exposed data parallel traffic + optimizer + host."""
        layout = plan.layout
        of, groups = kernels(plan), groups_of(layout)
        local = plan.seq_len / layout.cp
        model = plan.model.lower(plan.micro_batch, local, plan.seq_len)
        rank = rank_of(model, layout)
        work = pipeline(plan, rank, of, groups)
        parameters = stage_parameters(plan, rank, 1.0, 1.0 * (layout.pp == 1))
        width = state_elements(rank) / (plan.micro_batch * local)
        m = work.micro_batches
        stage = work.slowest
        forward = model.flops * plan.gradient_accumulation * layout.dp * layout.cp
        recompute = roofline_time.recompute_flops(model, plan.recompute)
        recompute = recompute * plan.gradient_accumulation * layout.dp * layout.cp
        backward = 2.0 if plan.tuning is Tuning.FULL else 1.0
        return TrainingEstimate(
            plan=plan,
            time_breakdown={
                "forward": m * stage.compute.forward,
                "backward": m * stage.compute.backward,
                "recompute": m * stage.compute.recompute,
                "tp_comm": m * stage.tensor.all,
                "cp_comm": m * stage.context.all,
                "ep_comm": m * stage.expert.all,
                "pp_comm": m * work.transfer,
                "pipeline_bubble": work.bubble,
                "launch": m * stage.waiting,
                "dp_comm": exposed_seconds(plan, parameters, work, of, groups),
                "optimizer": optimizer_seconds(plan, parameters, width, of, groups),
                "offload": offload_seconds(plan, rank, work),
                "host": plan.framework.host_seconds_per_step + 0.0 * m,
            },
            forward_breakdown=_forward(work),
            memory_breakdown=training_memory(plan, rank, of, groups),
            model_flops=(1.0 + backward) * forward,
            hardware_flops=(1.0 + backward) * forward + recompute,
        )

    def infer(self, plan: InferencePlan) -> InferenceEstimate:
        """As `Roofline` does."""
        return Roofline().infer(plan)


def _forward(work: Pipeline) -> dict[str, Number]:
    stage = work.slowest
    communication = {
        "tp_comm": stage.tensor.forward,
        "cp_comm": stage.context.forward,
        "ep_comm": stage.expert.forward,
    }
    ends = ("input_embedding", "output_embedding_loss")
    layers = {part: seconds for part, seconds in work.forward_parts.items() if part not in ends}
    return {**layers, **communication, **{part: work.forward_parts[part] for part in ends}}


def offload_seconds(plan: TrainingPlan, rank: LoweredModel, work: Pipeline) -> Number:
    """Activations go down the host link and come up again, behind the computation as far as it lasts."""
    if not plan.offload_activations:
        return 0.0 * work.micro_batches
    one = evolve(plan, offload_activations=False, gradient_accumulation=1.0)
    moved = 2.0 * activation_bytes(one, rank, 0.0) / host_bytes_per_second(plan)
    return work.micro_batches * maximum(moved - work.slowest.all, 0.0)
