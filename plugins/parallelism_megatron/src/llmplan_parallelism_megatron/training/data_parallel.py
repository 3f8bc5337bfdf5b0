"""What data parallel ranks exchange in an iteration: gradients, and weights where ZeRO divides them.

Rajbhandari et al. 2020, arXiv:1910.02054, section 7: an all-reduce of gradients without ZeRO; with stages 1 and 2
a reduce-scatter of gradients and an all-gather of weights; with stage 3 weights are gathered for the forward and again
for the backward pass. Hybrid sharding divides inside groups and reduces gradients between them (Zhao et al. 2023,
arXiv:2304.11277, section 3.2.2).
"""

from __future__ import annotations

from typing import NamedTuple

from llmplan.arrays.quantities import Number, ceil, maximum, where
from llmplan.arrays.term import term
from llmplan.records import TrainingPlan
from llmplan_parallelism_megatron.network import collectives
from llmplan_parallelism_megatron.network.groups import Group
from llmplan_parallelism_megatron.rank import Rank
from llmplan_parallelism_megatron.training.divided import divides_gradients, divides_weights
from llmplan_parallelism_megatron.training.parameters import Parameters
from llmplan_parallelism_megatron.training.pipeline import Pipeline

HIDDEN_COST = 0.189
"""Of the seconds that collectives hide behind computation: by so much slower it was beside them on average, and at most
by 0.4 (arXiv:2507.03114, abstract).
"""
_RAJBHANDARI = "Rajbhandari et al. 2020, arXiv:1910.02054, section 7"


def shards(plan: TrainingPlan, group: Group) -> Number:
    """Ranks over which ZeRO divides what a group holds: all, or those of one hybrid shard."""
    wanted = plan.layout.zero_group
    return group.ranks if wanted is None else where(wanted < group.ranks, wanted, group.ranks)


class Traffic(NamedTuple):
    """Seconds of an iteration that ranks spend on gathering and reducing, and what they can hide behind."""

    forward: Number
    hides_forward: Number
    backward: Number
    hides_backward: Number
    copying: Number = 0.0
    """Between the buffers of collectives and the tensors: kernels, behind which nothing hides."""

    @property
    def exposed(self) -> Number:
        """What does not hide, and what hiding the rest costs."""
        exposed = exposed_seconds(self.forward, self.hides_forward, self.backward, self.hides_backward)
        return self.copying + exposed + hidden_seconds(self.forward + self.backward - exposed, HIDDEN_COST)


@term(
    "max(forward - hides_forward, 0) + max(backward - hides_backward, 0)",
    unit="s",
    source=f"{_RAJBHANDARI}; overlap measured of the framework: `llmplan show FRAMEWORK`",
)
def exposed_seconds(forward: Number, hides_forward: Number, backward: Number, hides_backward: Number) -> Number:
    """Weights are gathered behind the forward pass, gradients reduced behind the backward pass; what takes longer than
    these shows. It binds where a rank has few tokens for its parameters.
    """
    return maximum(forward - hides_forward, 0.0) + maximum(backward - hides_backward, 0.0)


@term("hidden * cost", unit="s", source="arXiv:2507.03114, abstract")
def hidden_seconds(hidden: Number, cost: float) -> Number:
    """Hiding is not free: collectives take multiprocessors and memory bandwidth from the computation beside them."""
    return hidden * cost


@term(
    "moved / bandwidth",
    unit="s",
    source="pytorch/pytorch, torch/distributed/fsdp/_fully_shard/_fsdp_collectives.py",
)
def copying_seconds(moved: Number, bandwidth: float) -> Number:
    """Where each parameter is divided by itself, weights are copied out of the buffer that they were gathered in, and
    gradients into the one that they are reduced in.
    """
    return moved / bandwidth


def traffic(rank: Rank, parameters: Parameters, work: Pipeline, waiting: Number) -> Traffic:
    """Gradients are reduced while the backward pass of the last micro-batch goes on, weights gathered in the forward
    pass of the first; ZeRO 2 reduces, and ZeRO 3 gathers and reduces layer by layer, in every micro-batch. Under a
    pipeline both do so once an iteration.

    `waiting` are seconds of a micro-batch in which a stage waits for host memory, half of them in each pass: they hide
    traffic as well.
    """
    plan, groups, layout = rank.plan, rank.groups, rank.plan.layout
    stage, m, by_layer = work.slowest, work.micro_batches, layout.shards_weights
    pieces = where(by_layer, ceil(plan.model.layers / layout.pp), 1.0)
    dense, experts = parameters.trained(plan)
    all_dense, all_experts = parameters.held(plan)
    reduce = _reduce_seconds(rank, dense, groups.data, pieces)
    reduce = reduce + _reduce_seconds(rank, experts, groups.expert_data, pieces)
    gather = _gather_seconds(rank, where(by_layer, all_dense, dense), groups.data, pieces)
    gather = gather + _gather_seconds(rank, where(by_layer, all_experts, experts), groups.expert_data, pieces)
    again = divides_weights(plan)
    gathered = where(again, m, where(layout.shards_optimizer, 1.0, 0.0))
    reductions = where(divides_gradients(plan), m, 1.0)
    many = where(layout.dp * layout.cp > 1, 1.0, 0.0)
    overlap, at_step = plan.framework.data_overlap, 0.0 if plan.framework.gathers_after_step else 1.0
    copying: Number = 0.0
    if plan.framework.copies_shards:
        weights = where(by_layer, all_dense + all_experts, dense + experts) * 2.0 * rank.held_bytes
        gradients = (dense + experts) * (rank.held_bytes + plan.reduction_bits / 8)
        moved = (gathered + where(again, m, 0.0)) * weights + reductions * gradients
        copying = copying_seconds(many * moved, rank.kernels.bytes_per_second)
    return Traffic(
        forward=many * gathered * gather,
        hides_forward=overlap * where(again, m, at_step) * (stage.forward_seconds + 0.5 * waiting),
        backward=many * (where(again, m, 0.0) * gather + reductions * reduce),
        hides_backward=overlap * reductions * (stage.backward_seconds + 0.5 * waiting),
        copying=copying,
    )


def _gather_seconds(rank: Rank, parameters: Number, group: Group, pieces: Number) -> Number:
    """The weights of a rank, once: all that ZeRO 3 divides, frozen or not; else those that the optimizer updates."""
    shard = group._replace(ranks=shards(rank.plan, group))
    weights = parameters * rank.held_bytes / rank.plan.framework.data_bandwidth
    return pieces * collectives.all_gather_seconds(weights / pieces, shard, rank.kernels) * (parameters > 0)


def _reduce_seconds(rank: Rank, parameters: Number, group: Group, pieces: Number) -> Number:
    """The gradients of a rank, once: to all, or to the shards of ZeRO and then between the groups that hold a copy."""
    plan, kernels, shard = rank.plan, rank.kernels, shards(rank.plan, group)
    inner = group._replace(ranks=shard)
    outer = group._replace(ranks=group.ranks / shard, stride=group.stride * shard)
    gradients = parameters * plan.reduction_bits / 8 / plan.framework.data_bandwidth
    whole = collectives.all_reduce_seconds(gradients, group, kernels)
    scattered = pieces * collectives.reduce_scatter_seconds(gradients / pieces, inner, kernels)
    scattered = scattered + collectives.all_reduce_seconds(gradients / shard, outer, kernels)
    return where(plan.layout.shards_optimizer, scattered, whole) * (parameters > 0)
