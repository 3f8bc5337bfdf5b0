"""An iteration, line by line."""

from __future__ import annotations

from attrs import define

from llmplan.arrays.quantities import Number, maximum, where
from llmplan.estimate.sharding import rank_of, state_elements
from llmplan.records import LoweredModel, TrainingPlan
from llmplan_parallelism_megatron.kernels.reached import Kernels, training_kernels
from llmplan_parallelism_megatron.network.groups import Groups, groups_of
from llmplan_parallelism_megatron.training.data_parallel import traffic
from llmplan_parallelism_megatron.training.memory import layer_bytes
from llmplan_parallelism_megatron.training.optimizer_step import host_bytes_per_second, optimizer_seconds
from llmplan_parallelism_megatron.training.parameters import Parameters, stage_parameters
from llmplan_parallelism_megatron.training.pipeline import Pipeline, pipeline


@define(eq=False)
class Step:
    """What the lines of an iteration are made of."""

    model: LoweredModel
    """One micro-batch, the share of a context parallel rank."""
    rank: LoweredModel
    """The same on one tensor and expert parallel rank."""
    of: Kernels
    groups: Groups
    parameters: Parameters
    """Of the first stage, which holds the embedding and reduces its gradients last."""
    width: Number
    """Of the residual stream."""
    work: Pipeline


def step_of(plan: TrainingPlan) -> Step:
    """Lower the model for one micro-batch, divide it over the ranks, and time its stages."""
    layout = plan.layout
    of, groups = training_kernels(plan), groups_of(layout)
    local = plan.seq_len / layout.cp
    model = plan.model.lower(plan.micro_batch, local, plan.seq_len)
    rank = rank_of(model, layout)
    return Step(
        model=model,
        rank=rank,
        of=of,
        groups=groups,
        parameters=stage_parameters(plan, rank, 1.0, 1.0 * (layout.pp == 1)),
        width=state_elements(rank) / (plan.micro_batch * local),
        work=pipeline(plan, rank, of, groups),
    )


def time_breakdown(plan: TrainingPlan, step: Step) -> dict[str, Number]:
    """Seconds of an iteration."""
    work, of, groups = step.work, step.of, step.groups
    m, stage = work.micro_batches, work.slowest
    offload = offload_seconds(plan, step.rank, work)
    return {
        "forward": m * stage.compute.forward,
        "backward": m * stage.compute.backward,
        "recompute": m * stage.compute.recompute,
        "tp_comm": m * stage.tensor.all,
        "cp_comm": m * stage.context.all,
        "ep_comm": m * stage.expert.all,
        "pp_comm": m * work.transfer,
        "pipeline_bubble": work.bubble,
        "launch": m * stage.waiting,
        "dp_comm": traffic(plan, step.parameters, work, offload, of, groups).exposed,
        "optimizer": optimizer_seconds(plan, step.parameters, step.width, of, groups),
        "offload": m * offload,
        "host": plan.framework.host_seconds_per_step + 0.0 * m,
    }


def offload_seconds(plan: TrainingPlan, rank: LoweredModel, work: Pipeline) -> Number:
    """Of a micro-batch: activations go down the host link and come up again, behind the work as far as it lasts."""
    if plan.offload_activations is False:
        return 0.0 * work.micro_batches
    moved, stage = layer_bytes(plan, rank) / host_bytes_per_second(plan), work.slowest
    waiting = maximum(moved - stage.forward_seconds, 0.0) + maximum(moved - stage.backward_seconds, 0.0)
    return where(plan.offload_activations, waiting, 0.0)
