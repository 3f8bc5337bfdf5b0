"""Bytes on the fullest stage, line by line (Korthikanti et al. 2022, arXiv:2205.05198, section 4, for activations)."""

from __future__ import annotations

from llmplan.quantities import Number, maximum, minimum, total, where
from llmplan.records import Block, LoweredModel, Recompute, Tensor, TrainingPlan, Tuning
from llmplan_parallelism_megatron.megatron.data_parallel import SHARDS_GRADIENTS, SHARDS_WEIGHTS, shards
from llmplan_parallelism_megatron.megatron.kernels import Kernels
from llmplan_parallelism_megatron.megatron.layers import QLORA_BYTES
from llmplan_parallelism_megatron.megatron.links import Groups
from llmplan_parallelism_megatron.megatron.optimizer_step import held_bytes, optimizer_parameters
from llmplan_parallelism_megatron.megatron.parameters import Parameters, stage_parameters
from llmplan_parallelism_megatron.sharding import fullest_stage_share, state_elements

GATHERED_LAYERS = 2.0
"""Layers whose weights ZeRO 3 holds whole: the one at work and the next (Zhao et al. 2023, arXiv:2304.11277, 4.1)."""
OFFLOADED_LAYERS = 2.0
"""Layers whose activations stay while the others' wait in host memory: the one at work, the one on its way."""


def training_memory(plan: TrainingPlan, rank: LoweredModel, of: Kernels, groups: Groups) -> dict[str, Number]:
    """Of the first or the last stage, whichever holds more."""
    alone = where(plan.layout.pp == 1, 1.0, 0.0)
    first = stage_memory(plan, rank, of, groups, is_first=1.0, is_last=alone)
    last = stage_memory(plan, rank, of, groups, is_first=alone, is_last=1.0)
    first_is_fuller = total(first.values()) >= total(last.values())
    return {name: where(first_is_fuller, first[name], last[name]) for name in first}


def stage_memory(
    plan: TrainingPlan, rank: LoweredModel, of: Kernels, groups: Groups, *, is_first: Number, is_last: Number
) -> dict[str, Number]:
    """Of the first stage, the last, or the only one."""
    framework = plan.framework
    parameters = stage_parameters(plan, rank, is_first, is_last)
    states = {
        "weights": weight_bytes(plan, parameters, groups),
        "gradients": gradient_bytes(plan, parameters, groups),
        "optimizer": optimizer_bytes(plan, parameters, groups),
    }
    working = {
        "activations": activation_bytes(plan, rank, is_first),
        "recompute_buffer": recompute_bytes(plan, rank),
        "logits_and_loss": is_last * logit_bytes(plan, rank),
        "gather_buffers": gather_bytes(plan, rank),
    }
    many = where(plan.layout.gpus > 1, 1.0, 0.0)
    slack = framework.slack * total(working.values())
    return {
        **states,
        **working,
        "communication_buffers": many * framework.communication_bytes,
        "allocator_slack": slack,
        "cuda_context": framework.context_bytes + 0.0 * of.hardware.memory_bytes,
    }


def weight_bytes(plan: TrainingPlan, parameters: Parameters, groups: Groups) -> Number:
    """16 bits, or what the dtype holds; frozen ones in 4 bits under QLoRA; divided by ZeRO 3."""
    held = (plan.dtype.training_weight_bits or plan.dtype.weight_bits) / 8
    frozen = QLORA_BYTES if plan.tuning is Tuning.QLORA else held
    divided = plan.layout.zero >= SHARDS_WEIGHTS
    dense = parameters.dense * frozen + parameters.ends * plan.dtype.embedding_bits / 8 + parameters.adapters * held
    return dense / where(divided, shards(plan, groups.data), 1.0) + parameters.experts * frozen / where(
        divided, shards(plan, groups.expert_data), 1.0
    )


def gradient_bytes(plan: TrainingPlan, parameters: Parameters, groups: Groups) -> Number:
    """Of all trained parameters, divided by ZeRO 2."""
    dense, experts = parameters.trained(plan)
    divided = plan.layout.zero >= SHARDS_GRADIENTS
    kept = dense / where(divided, shards(plan, groups.data), 1.0) + experts / where(
        divided, shards(plan, groups.expert_data), 1.0
    )
    return kept * plan.gradient_bits / 8


def optimizer_bytes(plan: TrainingPlan, parameters: Parameters, groups: Groups) -> Number:
    """Master weights and states, divided by ZeRO 1; none here where they live in host memory."""
    updated = optimizer_parameters(plan, parameters, groups)
    return updated * (0.0 if plan.offload_optimizer else held_bytes(plan))


def in_flight(plan: TrainingPlan) -> Number:
    """Micro-batches whose activations the first stage holds: min(p, m), of interleaved chunks p (1 + (p - 1)/(p v)).

    Korthikanti et al. 2022, section 4.2.3.
    """
    layout = plan.layout
    interleaved = layout.pp + (layout.pp - 1) / layout.vpp
    wanted = where(layout.vpp > 1, interleaved, layout.pp)
    return minimum(wanted, plan.gradient_accumulation)


def activation_bytes(plan: TrainingPlan, rank: LoweredModel, is_first: Number) -> Number:
    """What layers keep of the micro-batches in flight: the last stage has one, the first `in_flight`."""
    share = fullest_stage_share(rank, plan.layout)
    layers = share * total(block.count * kept_bytes(block, plan) for block in rank.layers)
    flying = where(is_first > 0, in_flight(plan), 1.0 + 0.0 * plan.gradient_accumulation)
    kept = flying * layers
    if not plan.offload_activations:
        return kept
    counted = sum(block.count for block in rank.layers)
    stay = OFFLOADED_LAYERS / counted * total(block.count * kept_bytes(block, plan) for block in rank.layers)
    return minimum(kept, stay)


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
    return kept * where(recompute == Recompute.ATTENTION_COMPUTE, 1.0 - share, 1.0) if share else kept


def _operand_width(plan: TrainingPlan) -> float:
    """Of what a multiplication reads, against an activation."""
    return min(plan.dtype.weight_bits, plan.dtype.activation_bits) / plan.dtype.activation_bits


def _where_kept(recompute: Number, tensor: Tensor, size: Number) -> Number:
    return where(recompute < tensor.dropped_from, size, 0.0)


def _bytes(tensor: Tensor, plan: TrainingPlan) -> Number:
    # a norm computes in 32 bits but keeps the activations that it was given
    width = "activation" if tensor.width == "norm" else tensor.width
    return tensor.elements * plan.dtype.bits[width] / 8


def recompute_bytes(plan: TrainingPlan, rank: LoweredModel) -> Number:
    """Of the layer that runs again: what it would have kept."""
    most: Number = 0.0
    for block in rank.layers:
        most = maximum(most, kept_bytes(block, plan, Recompute.NONE) - kept_bytes(block, plan))
    return most


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
    return where(plan.layout.zero >= SHARDS_WEIGHTS, held, 0.0)
