"""Bytes on the fullest stage, line by line (Korthikanti et al. 2022, arXiv:2205.05198, section 4, for activations)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import NamedTuple

from llmplan.arrays.quantities import Number, dot, maximum, minimum, total, where
from llmplan.arrays.term import term
from llmplan.records import Block, Operator, Recompute, Split, Tensor, TrainingPlan, Tuning
from llmplan_parallelism_megatron.kernels.attention import is_fused
from llmplan_parallelism_megatron.rank import Rank
from llmplan_parallelism_megatron.stages import Stage, end_stages
from llmplan_parallelism_megatron.training.adapters import (
    SIXTEEN_BIT_BYTES,
    adapter_bytes,
    adapters_kept,
    frozen_bytes,
    widens,
)
from llmplan_parallelism_megatron.training.alternating import alternating_bytes
from llmplan_parallelism_megatron.training.data_parallel import shards
from llmplan_parallelism_megatron.training.divided import divides_gradients, divides_weights, gradients_follow
from llmplan_parallelism_megatron.training.in_flight import (
    held_activations,
    micro_batches_in_flight,
    micro_batches_on_last,
    stages_held,
)
from llmplan_parallelism_megatron.training.loss import logits_held_bytes
from llmplan_parallelism_megatron.training.optimizer_step import (
    held_states,
    paged_bytes,
    share,
    stored_bytes,
)
from llmplan_parallelism_megatron.training.parameters import Parameters, stage_parameters

GATHERED_LAYERS = 2.0
"""Layers whose weights ZeRO 3 holds whole: the one at work and the next (Zhao et al. 2023, arXiv:2304.11277, 4.1)."""
_KORTHIKANTI = "Korthikanti et al. 2022, arXiv:2205.05198, section 4"
_FRAMEWORK = "measured of the framework: `llmplan show FRAMEWORK`"


class Working(NamedTuple):
    """Bytes that a micro-batch needs while it is worked on."""

    kept: Sequence[Number]
    """What one layer of each kind keeps."""
    recompute: Number
    logits: Number
    gather: Number

    @classmethod
    def of(cls, rank: Rank) -> Working:
        """The same on every stage, but for the logits, which the last one has."""
        kept = [kept_bytes(block, rank) for block in rank.model.layers]
        return cls(kept, _rerun(rank, kept), logits_held_bytes(rank), _gathered(rank) + _widened(rank))


def training_memory(rank: Rank) -> tuple[dict[str, Number], dict[str, Number]]:
    """Of the first or the last stage, whichever holds more, and of the first; without a pipeline they are the same."""
    on_first, on_last = ends_memory(rank)
    first_is_fuller = total(on_first.values()) >= total(on_last.values())
    return {name: where(first_is_fuller, on_first[name], on_last[name]) for name in on_first}, on_first


def ends_memory(rank: Rank) -> tuple[dict[str, Number], dict[str, Number]]:
    """Of the first stage and of the last."""
    working, in_flight = Working.of(rank), micro_batches_in_flight(rank.plan)
    first, last = end_stages(rank.model, rank.plan.layout)
    on_last = micro_batches_on_last(rank.plan, in_flight)
    return _stage(rank, first, working, in_flight), _stage(rank, last, working, on_last)


def _stage(rank: Rank, stage: Stage, working: Working, in_flight: Number) -> dict[str, Number]:
    framework, parameters = rank.plan.framework, stage_parameters(rank, stage)
    logits = where(stage.last > 0, working.logits, 0.0)
    # the logits are gone when the first layer runs again: the larger of the two makes the peak
    again = working.recompute > logits
    at_work = {
        "activations": held_activations(rank.plan, layers_bytes(stage.counts, working.kept), in_flight),
        "recompute_buffer": where(again, working.recompute, 0.0),
        "logits_and_loss": where(again, 0.0, logits),
        "gather_buffers": working.gather,
    }
    worked = total(at_work.values())
    stages = stages_held(rank.plan)
    held = {
        "weights": stages * weight_bytes(rank, parameters),
        "gradients": beside_activations(rank, stages * gradient_bytes(rank, parameters), worked) + _dummies(rank),
        "optimizer": optimizer_bytes(rank, parameters),
        **at_work,
        "communication_buffers": framework.bucket_bytes
        + where(rank.plan.layout.gpus > 1, framework.communication_bytes, 0.0),
        "allocator_slack": slack_bytes(framework.slack, worked),
        "driver": framework.context_bytes,
    }
    if rank.plan.optimizer.paged:
        held["optimizer"] = held["optimizer"] - paged_bytes(rank, parameters, total(held.values()))
    return held


@term("slack * working", unit="bytes", source=_FRAMEWORK)
def slack_bytes(slack: float, working: Number) -> Number:
    """Allocators lose a share of what comes and goes to fragments and rounding."""
    return slack * working


def weight_bytes(rank: Rank, parameters: Parameters) -> Number:
    """16 bits, or what the dtype holds; frozen ones in fewer where asked and under QLoRA; divided by ZeRO 3 but under a
    pipeline.
    """
    plan, held = rank.plan, adapter_bytes(rank.plan)
    frozen = frozen_bytes(plan)
    ends = parameters.ends * plan.dtype.embedding_bits / 8
    if plan.framework.freezes_head and plan.tuning is Tuning.QLORA:
        ends = ends - parameters.head * (plan.dtype.embedding_bits / 8 - frozen)
    dense = parameters.dense * frozen + ends + parameters.adapters * held
    experts = parameters.experts * frozen + parameters.expert_adapters * held
    return where(plan.offload_parameters, 0.0, share(rank, dense, experts, divides_weights(plan)))


def gradient_bytes(rank: Rank, parameters: Parameters) -> Number:
    """Of all trained parameters, divided by ZeRO 2 but under a pipeline; none here where they go to the host."""
    plan = rank.plan
    kept = share(rank, *parameters.trained(plan), divides_gradients(plan))
    return stored_bytes(where(gradients_follow(plan), 0.0, kept), plan.gradient_bits / 8)


def _dummies(rank: Rank) -> Number:
    """Of each shape of weights, the gradient in 16 bits that Transformer Engine hands to autograd where it has added
    the real one to the sum already (NVIDIA/TransformerEngine, pytorch/module/base.py: get_dummy_wgrad).
    """
    framework = rank.plan.framework
    kept = framework.keeps_dummy_gradients and framework.fused_accumulation and rank.plan.tuning is Tuning.FULL
    named: dict[str, Number] = {}  # layers of one kind share their matrices' shapes
    for block in rank.model.layers if kept else ():
        named |= {one.name: one.gemm.n * one.gemm.k for one in block.operators if one.gemm is not None}
    return total(named.values()) * SIXTEEN_BIT_BYTES


def beside_activations(rank: Rank, gradients: Number, working: Number) -> Number:
    """Gradients that nothing accumulates take the room that activations leave in the backward pass, and what they need
    beyond it: memory peaks where it begins, or where the optimizer steps.
    """
    alone = rank.plan.framework.frees_gradients & (rank.plan.gradient_accumulation == 1)
    return where(alone, maximum(gradients - working, 0.0), gradients)


def optimizer_bytes(rank: Rank, parameters: Parameters) -> Number:
    """Master weights and states, divided by ZeRO 1; none here where they live in host memory."""
    return where(rank.plan.offload_optimizer, 0.0, held_states(rank, parameters))


@term("dot(l, a)", unit="bytes", source=f"{_KORTHIKANTI}.1, equations 1 to 6")
def layers_bytes(l: Sequence[Number], a: Sequence[Number]) -> Number:  # noqa: E741 - as the literature has it
    """So many layers of each kind keep what one of it needs for its backward pass: without recomputation
    sbh (34 + 5 a s / h) bytes of a transformer in 16 bits with dropout, less under recomputation, a part of it on each
    tensor parallel rank.
    """
    return dot(l, a)


def _rerun(rank: Rank, kept: Sequence[Number]) -> Number:
    """Of the layer that keeps most when it runs again."""
    whole = [kept_bytes(block, rank, Recompute.NONE) for block in rank.model.layers]
    return reduce(maximum, map(rerun_bytes, whole, kept))


@term("whole - kept", unit="bytes", source=f"{_KORTHIKANTI}.1")
def rerun_bytes(whole: Number, kept: Number) -> Number:
    """A layer that runs again keeps for a moment what it had dropped."""
    return whole - kept


def kept_bytes(block: Block, rank: Rank, mode: Number | None = None) -> Number:
    """Of one layer, under a recompute mode: eq. 1 to 6 of Korthikanti et al. 2022 for the transformer of that paper.

    Scores are kept by unfused attention alone; dropout keeps masks of one byte, and its output of the scores.
    """
    plan, framework = rank.plan, rank.plan.framework
    recompute = plan.recompute if mode is None else mode
    unfused, dropout = not is_fused(plan), framework.dropout
    kept: Number = 0.0
    for operator in block.operators:
        kept = kept + _kept_of(operator, rank, recompute)
        for tensor in operator.inputs:
            if tensor.fusible and unfused:
                kept = kept + _where_kept(recompute, tensor, _bytes(tensor, plan) + dropout * 3.0 * tensor.elements)
        if dropout and operator.reduced_elements is not None:
            masks = operator.reduced_elements / rank.sequence_ways
            kept = kept + where(recompute < Recompute.FULL, masks, 0.0)
    if not framework.alternates:
        return kept
    selective = (recompute >= Recompute.ATTENTION_COMPUTE) & (recompute < Recompute.FULL)
    return where(selective, alternating_bytes(block.operators, rank), kept)


def _kept_of(operator: Operator, rank: Rank, recompute: Number) -> Number:
    """Of one operator: what it reads, unless no gradient needs it, and what the program keeps beside it."""
    plan, framework = rank.plan, rank.plan.framework
    multiplies, frozen = operator.gemm is not None, plan.tuning is not Tuning.FULL
    narrow = _operand_width(plan) if multiplies and framework.keeps_operands else 1.0
    saved = framework.keeps_frozen_inputs and plan.tuning is Tuning.QLORA
    kept: Number = 0.0
    for tensor in operator.inputs:
        if tensor.fusible:
            continue
        # a layer that runs again begins with its input, whoever needs it
        input_only = _where_kept(
            recompute, tensor, narrow * _bytes(tensor, plan) * _gathered_ways(operator, tensor, rank)
        )
        needless = frozen and (
            (multiplies and not saved) or (framework.eager and tensor.width == "norm" and _rms(plan))
        )
        kept = kept + (where(recompute >= Recompute.FULL, input_only, 0.0) if needless else input_only)
    beside = sum_of_eager(operator, rank) + (adapters_kept(operator, rank) if multiplies and frozen else 0.0)
    return kept + where(recompute < min(operator.recomputed_from, Recompute.FULL), beside, 0.0)


def _gathered_ways(operator: Operator, tensor: Tensor, rank: Rank) -> Number:
    """By how much more is kept where autograd saves what was gathered for a multiplication, not the rank's part of it
    (PyTorch's DTensor: torch/distributed/tensor/parallel/style.py, PrepareModuleInput).
    """
    gemm = operator.gemm
    whole = rank.plan.framework.keeps_gathered and gemm is not None and not gemm.routed
    return rank.sequence_ways if whole and tensor.split is Split.SEQUENCE else 1.0


def sum_of_eager(operator: Operator, rank: Rank) -> Number:
    """Beside its inputs, where PyTorch runs kernels one by one: of a norm its input once more in 32 bits, of a product
    its function's output; of attention what queries, keys and values are views of, or copies for every head.
    """
    plan, framework = rank.plan, rank.plan.framework
    beside: Number = (
        total(_eager_bytes(operator, tensor, plan) for tensor in operator.inputs) if framework.eager else 0.0
    )
    if operator.scores is not None:
        q, k, *_ = operator.inputs
        copies = maximum(q.elements - k.elements, 0.0)
        if framework.repeats_kv:
            beside = beside + 2.0 * copies * rank.activation_bytes
        if framework.fused_qkv:
            viewed = (
                where(copies > 0, 0.0, q.elements + k.elements) if framework.repeats_kv else q.elements + k.elements
            )
            beside = beside + viewed * rank.activation_bytes
    return beside


def _operand_width(plan: TrainingPlan) -> float:
    """Of what a multiplication reads, against an activation."""
    return min(plan.dtype.weight_bits, plan.dtype.activation_bits) / plan.dtype.activation_bits


def _where_kept(recompute: Number, tensor: Tensor, size: Number) -> Number:
    return where(recompute < tensor.dropped_from, size, 0.0)


def _bytes(tensor: Tensor, plan: TrainingPlan) -> Number:
    # a norm computes in 32 bits but keeps the activations that it was given
    width = "activation" if tensor.width == "norm" else tensor.width
    return tensor.elements * plan.dtype.bits[width] / 8


def _eager_bytes(operator: Operator, tensor: Tensor, plan: TrainingPlan) -> Number:
    """Beside its input: of a norm this once more in 32 bits, of a product of two its function's output."""
    if tensor.width == "norm":
        return tensor.elements * plan.dtype.bits["norm"] / 8 if _rms(plan) else 0.0
    multiplies = operator.gemm is None and operator.moved is not None and len(operator.inputs) > 1
    return _bytes(tensor, plan) / len(operator.inputs) if multiplies else 0.0


def _rms(plan: TrainingPlan) -> bool:
    """Whether norms are of the kind that PyTorch has no kernel for: several run, in 32 bits."""
    return getattr(plan.model, "norm", "rms") == "rms"


def _gathered(rank: Rank) -> Number:
    layers = rank.model.layers
    largest = reduce(maximum, (block.parameters for block in layers))
    live = minimum(rank.plan.framework.live_parameters, total(block.count * block.parameters for block in layers))
    each = frozen_bytes(rank.plan)  # what the dtype holds, where nothing is frozen
    gathered = maximum(gathered_bytes(GATHERED_LAYERS, largest, each), live * each)
    if rank.plan.framework.keeps_ends:
        ends = rank.model.embedding.parameters + rank.model.head.parameters
        gathered = gathered + ends * rank.plan.dtype.embedding_bits / 8
    several = divides_weights(rank.plan) & (shards(rank.plan, rank.groups.data) > 1)
    on_its_way = largest * rank.plan.gradient_bits / 8 if rank.plan.tuning is Tuning.FULL else 0.0
    return where(several | rank.plan.offload_parameters, gathered, 0.0) + where(
        gradients_follow(rank.plan), on_its_way, 0.0
    )


@term("layers * parameters * each", unit="bytes", source="Zhao et al. 2023, arXiv:2304.11277, section 4.1")
def gathered_bytes(layers: float, parameters: Number, each: float) -> Number:
    """Under ZeRO 3 the layer at work and the next one are whole on every rank."""
    return layers * parameters * each


def _widened(rank: Rank) -> Number:
    """The largest frozen matrix in 16 bits, one at a time is widened (Dettmers et al. 2023, arXiv:2305.14314, 3)."""
    plan = rank.plan
    if not widens(plan):
        return 0.0
    with_head = plan.framework.freezes_head and plan.tuning is Tuning.QLORA
    blocks = (*rank.model.layers, *((rank.model.head,) if with_head else ()))
    gemms = [operator.gemm for block in blocks for operator in block.operators if operator.gemm is not None]
    largest: Number = reduce(maximum, (gemm.groups * gemm.n * gemm.k / gemm.matrices for gemm in gemms))
    return largest * SIXTEEN_BIT_BYTES * plan.framework.widened_copies
