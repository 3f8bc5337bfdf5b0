"""Bytes on the fullest stage, line by line (Korthikanti et al. 2022, arXiv:2205.05198, section 4, for activations)."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define

from llmplan.arrays.quantities import Number, ceil, maximum, minimum, total, where
from llmplan.estimate.sharding import stage_counts, state_elements
from llmplan.records import Block, LoweredModel, Recompute, Tensor, TrainingPlan, Tuning
from llmplan_parallelism_megatron.network.groups import Groups
from llmplan_parallelism_megatron.training.data_parallel import shards
from llmplan_parallelism_megatron.training.layer import QLORA_BYTES
from llmplan_parallelism_megatron.training.optimizer_step import held_bytes, optimizer_parameters
from llmplan_parallelism_megatron.training.parameters import Parameters, parameters_of

GATHERED_LAYERS = 2.0
"""Layers whose weights ZeRO 3 holds whole: the one at work and the next (Zhao et al. 2023, arXiv:2304.11277, 4.1)."""
OFFLOADED_LAYERS = 2.0
"""Layers whose activations stay while the others' wait in host memory."""


@define(eq=False)
class Working:
    """Bytes that a micro-batch needs while it is worked on, the same on every stage that has the head or not."""

    layers: Number
    """What layers keep of one micro-batch."""
    recompute: Number
    logits: Number
    gather: Number


def training_memory(plan: TrainingPlan, rank: LoweredModel, groups: Groups) -> dict[str, Number]:
    """Of the first or the last stage, whichever holds more."""
    first, last = stage_memories(plan, rank, groups)
    first_is_fuller = total(first.values()) >= total(last.values())
    return {name: where(first_is_fuller, first[name], last[name]) for name in first}


def stage_memories(
    plan: TrainingPlan, rank: LoweredModel, groups: Groups
) -> tuple[dict[str, Number], dict[str, Number]]:
    """Of the first stage and of the last, which are one without a pipeline."""
    alone = where(plan.layout.pp == 1, 1.0, 0.0)
    kept = [kept_bytes(block, plan) for block in rank.layers]
    again = _again(plan, rank, kept)
    logits, gathered = logit_bytes(plan, rank), gather_bytes(plan, rank)
    flying = in_flight(plan)
    stages = (1.0, alone, flying), (alone, 1.0, where(alone > 0, flying, 1.0))
    first, last = (
        _stage(
            plan,
            parameters_of(plan, rank, counts, (first, last)),
            groups,
            Working(_times(counts, kept), again, logits, gathered),
            (flying, last),
        )
        for counts, (first, last, flying) in zip(stage_counts(rank, plan.layout), stages, strict=True)
    )
    return first, last


def _times(counts: Sequence[Number], kept: Sequence[Number]) -> Number:
    """What so many layers of each block keep of one micro-batch."""
    return total(count * one for count, one in zip(counts, kept, strict=True))


def _stage(
    plan: TrainingPlan, parameters: Parameters, groups: Groups, of: Working, flying_and_head: tuple[Number, Number]
) -> dict[str, Number]:
    framework, (flying, is_last) = plan.framework, flying_and_head
    working = {
        "activations": activation_bytes(plan, of.layers, flying),
        "recompute_buffer": of.recompute,
        "logits_and_loss": is_last * of.logits,
        "gather_buffers": of.gather,
    }
    return {
        "weights": weight_bytes(plan, parameters, groups),
        "gradients": gradient_bytes(plan, parameters, groups),
        "optimizer": optimizer_bytes(plan, parameters, groups),
        **working,
        "communication_buffers": where(plan.layout.gpus > 1, 1.0, 0.0) * framework.communication_bytes,
        "allocator_slack": framework.slack * total(working.values()),
        "driver": framework.context_bytes + 0.0 * of.layers,
    }


def weight_bytes(plan: TrainingPlan, parameters: Parameters, groups: Groups) -> Number:
    """16 bits, or what the dtype holds; frozen ones in 4 bits under QLoRA; divided by ZeRO 3."""
    held = (plan.dtype.training_weight_bits or plan.dtype.weight_bits) / 8
    frozen = QLORA_BYTES if plan.tuning is Tuning.QLORA else held
    divided = plan.layout.shards_weights
    dense = parameters.dense * frozen + parameters.ends * plan.dtype.embedding_bits / 8 + parameters.adapters * held
    experts = parameters.experts * frozen + parameters.expert_adapters * held
    return dense / where(divided, shards(plan, groups.data), 1.0) + experts / where(
        divided, shards(plan, groups.expert_data), 1.0
    )


def gradient_bytes(plan: TrainingPlan, parameters: Parameters, groups: Groups) -> Number:
    """Of all trained parameters, divided by ZeRO 2."""
    dense, experts = parameters.trained(plan)
    divided = plan.layout.shards_gradients
    kept = dense / where(divided, shards(plan, groups.data), 1.0) + experts / where(
        divided, shards(plan, groups.expert_data), 1.0
    )
    return kept * plan.gradient_bits / 8


def optimizer_bytes(plan: TrainingPlan, parameters: Parameters, groups: Groups) -> Number:
    """Master weights and states, divided by ZeRO 1; none here where they live in host memory."""
    updated = optimizer_parameters(plan, parameters, groups)
    return updated * where(plan.offload_optimizer, 0.0, held_bytes(plan))


def in_flight(plan: TrainingPlan) -> Number:
    """Micro-batches whose activations the first stage holds: min(p, m), of interleaved chunks p (1 + (p - 1)/(p v)).

    Korthikanti et al. 2022, section 4.2.3.
    """
    layout = plan.layout
    interleaved = layout.pp + (layout.pp - 1) / layout.vpp
    wanted = where(layout.vpp > 1, interleaved, layout.pp)
    return minimum(wanted, plan.gradient_accumulation)


def activation_bytes(plan: TrainingPlan, of_one: Number, flying: Number) -> Number:
    """What layers keep of the micro-batches in flight: the last stage has one, the first `in_flight`.

    Of those that wait in host memory two layers stay: the one at work, and the one on its way.
    """
    layers = ceil(plan.model.layers / plan.layout.pp)
    here = where(plan.offload_activations, minimum(flying, OFFLOADED_LAYERS / layers), flying)
    return here * of_one


def layer_bytes(plan: TrainingPlan, rank: LoweredModel) -> Number:
    """What the layers of the last stage keep of one micro-batch."""
    return _times(stage_counts(rank, plan.layout)[1], [kept_bytes(block, plan) for block in rank.layers])


def _again(plan: TrainingPlan, rank: LoweredModel, kept: Sequence[Number]) -> Number:
    """What the layer that runs again would have kept."""
    most: Number = 0.0
    for block, one in zip(rank.layers, kept, strict=True):
        most = maximum(most, kept_bytes(block, plan, Recompute.NONE) - one)
    return most


def kept_bytes(block: Block, plan: TrainingPlan, mode: Number | None = None) -> Number:
    """Of one layer, under a recompute mode: eq. 1 to 6 of Korthikanti et al. 2022 for the transformer of that paper.

    Scores are kept by unfused attention alone; dropout keeps masks of one byte, and its output of the scores.
    """
    recompute = plan.recompute if mode is None else mode
    unfused, dropout = plan.framework.attention == "unfused", plan.framework.dropout
    kept: Number = 0.0
    for operator in block.operators:
        narrow = _operand_width(plan) if operator.gemm is not None and plan.framework.keeps_operands else 1.0
        for tensor in operator.inputs:
            if not tensor.fusible:
                kept = kept + _where_kept(recompute, tensor, narrow * _bytes(tensor, plan))
            elif unfused:
                kept = kept + _where_kept(recompute, tensor, _bytes(tensor, plan) + dropout * 3.0 * tensor.elements)
        if dropout and operator.reduced_elements is not None:
            q = where(plan.layout.sequence_parallel, plan.layout.tp, 1.0)
            kept = kept + where(recompute < Recompute.FULL, operator.reduced_elements / q, 0.0)
    share = plan.framework.selective_share
    selective = where(recompute >= Recompute.ATTENTION_COMPUTE, 1.0 - share, 1.0)
    return kept * where(recompute >= Recompute.FULL, 1.0, selective) if share else kept


def _operand_width(plan: TrainingPlan) -> float:
    """Of what a multiplication reads, against an activation."""
    return min(plan.dtype.weight_bits, plan.dtype.activation_bits) / plan.dtype.activation_bits


def _where_kept(recompute: Number, tensor: Tensor, size: Number) -> Number:
    return where(recompute < tensor.dropped_from, size, 0.0)


def _bytes(tensor: Tensor, plan: TrainingPlan) -> Number:
    # a norm computes in 32 bits but keeps the activations that it was given
    width = "activation" if tensor.width == "norm" else tensor.width
    return tensor.elements * plan.dtype.bits[width] / 8


def logit_bytes(plan: TrainingPlan, rank: LoweredModel) -> Number:
    """Logits and what the loss makes of them, at its peak, and the states that the head keeps."""
    states, logits = state_elements(rank) * plan.dtype.activation_bits / 8, 0.0
    q = where(plan.layout.sequence_parallel, plan.layout.tp, 1.0)
    for operator in rank.head.operators:
        logits = logits + total(tensor.elements for tensor in operator.inputs if tensor.width == "loss")
    return 2.0 * states / q + logits * plan.framework.logit_bytes_kept


def gather_bytes(plan: TrainingPlan, rank: LoweredModel) -> Number:
    """Whole weights of the layers at work under ZeRO 3."""
    largest: Number = 0.0
    for block in rank.layers:
        largest = maximum(largest, block.parameters)
    width = (plan.dtype.training_weight_bits or plan.dtype.weight_bits) / 8
    held = GATHERED_LAYERS * largest * width
    return where(plan.layout.shards_weights, held, 0.0)
