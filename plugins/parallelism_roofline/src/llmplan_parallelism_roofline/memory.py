"""Bytes on the fullest device: weights, gradients, optimizer states, activations, KV cache.

`rank` is the model as one tensor parallel rank sees it (`sharding.rank_of`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmplan.arrays.quantities import maximum, minimum, total, where
from llmplan.arrays.term import term
from llmplan_costing.sharding import end_parameters, fullest_stage_share, layer_parameters
from llmplan_parallelism_roofline.seconds import kv_cache_bytes

if TYPE_CHECKING:
    from llmplan.arrays.quantities import Number
    from llmplan.records import InferencePlan, LoweredModel, Operator, Tensor, TrainingPlan
    from llmplan_parallelism_roofline.seconds import Plan

_ZERO = "Rajbhandari et al. 2020, arXiv:1910.02054, sections 3.1 and 5"
ADAM_BYTES_PER_PARAMETER = 12
"""FP32 master weights, momentum and variance, 4 bytes each (Rajbhandari et al. 2020, arXiv:1910.02054, section 3.1)."""
GRADIENT_BITS = 16
"""Gradients of mixed-precision training (same section)."""


def training_memory(plan: TrainingPlan, rank: LoweredModel) -> dict[str, Number]:
    """Of the first or the last pipeline stage, whichever holds more; with p = 1 they are the same.

    Under 1F1B the first stage keeps the activations of min(p, micro-batches) micro-batches, the last those of one
    (Narayanan et al. 2021, arXiv:2104.04473, section 2.2.1). Only the last holds the head and the logits.
    """
    dtype, layout = plan.dtype, plan.layout
    alone = where(layout.pp == 1, 1.0, 0.0)
    in_layers = layer_parameters(rank, plan.layout)
    layer_kept, head_kept = layer_activation_bytes(plan, rank), kept_bytes(rank.head.operators, plan)
    first_ends, last_ends = end_parameters(rank, alone)
    first_kept = activation_bytes(minimum(layout.pp, plan.gradient_accumulation), layer_kept, alone * head_kept)
    last_kept = activation_bytes(1, layer_kept, head_kept)
    state = state_bytes_per_parameter(plan)
    first_is_fuller = first_ends * state + first_kept >= last_ends * state + last_kept
    in_ends = where(first_is_fuller, first_ends, last_ends)
    parameters = in_layers + in_ends
    ways = [
        where(shards, layout.dp, 1)
        for shards in (layout.shards_weights, layout.shards_gradients, layout.shards_optimizer)
    ]
    return {
        "weights": weight_bytes(in_layers, dtype.held_bits, in_ends, dtype.embedding_bits, ways[0]),
        "gradients": gradient_bytes(parameters, GRADIENT_BITS, ways[1]),
        "optimizer": optimizer_bytes(parameters, ADAM_BYTES_PER_PARAMETER, ways[2]),
        "activations": where(first_is_fuller, first_kept, last_kept),
    }


@term("(n * bits + ends * end_bits) / 8 / z", unit="bytes", source=_ZERO)
def weight_bytes(n: Number, bits: float, ends: Number, end_bits: float, z: Number) -> Number:
    """Weights of the layers, and of the embedding and the head as far as the stage has them; over z ranks of ZeRO 3."""
    return (n * bits + ends * end_bits) / 8 / z


@term("n * bits / 8 / z", unit="bytes", source=_ZERO)
def gradient_bytes(n: Number, bits: float, z: Number) -> Number:
    """Over z ranks from ZeRO 2."""
    return n * bits / 8 / z


@term("n * each / z", unit="bytes", source=_ZERO)
def optimizer_bytes(n: Number, each: float, z: Number) -> Number:
    """Master weights and both moments of Adam, over z ranks from ZeRO 1."""
    return n * each / z


@term("in_flight * layers + head", unit="bytes", source="Korthikanti et al. 2022, arXiv:2205.05198, equations 2 and 4")
def activation_bytes(in_flight: Number, layers: Number, head: Number) -> Number:
    """What layers keep of the micro-batches in flight, and the head of one."""
    return in_flight * layers + head


def state_bytes_per_parameter(plan: TrainingPlan) -> Number:
    """Of an embedding's parameter: what decides which end of the pipeline is fuller."""
    layout = plan.layout
    return (
        plan.dtype.embedding_bits / 8 / where(layout.shards_weights, layout.dp, 1)
        + GRADIENT_BITS / 8 / where(layout.shards_gradients, layout.dp, 1)
        + ADAM_BYTES_PER_PARAMETER / where(layout.shards_optimizer, layout.dp, 1)
    )


def layer_activation_bytes(plan: TrainingPlan, rank: LoweredModel) -> Number:
    """What the layers of the fullest stage keep of one micro-batch for the backward pass.

    Without recompute and with n d = h, f = 4h this is Korthikanti et al. 2022, equation 2, less dropout:
    sbh (8 + 24/t) + 2bs^2n/t bytes, and with sequence parallelism all of it over t (equation 4).
    """
    share = fullest_stage_share(rank, plan.layout)
    return share * total(block.count * kept_bytes(block.operators, plan) for block in rank.layers)


def kept_bytes(operators: tuple[Operator, ...], plan: TrainingPlan) -> Number:
    """Inputs that these operators keep for the backward pass, by recompute mode."""
    return total(
        where(plan.recompute < tensor.dropped_from, _tensor_bytes(tensor, plan), 0.0)
        for operator in operators
        for tensor in operator.inputs
    )


def _tensor_bytes(tensor: Tensor, plan: Plan) -> Number:
    # a norm computes in FP32 but keeps the activations that it was given
    width = "activation" if tensor.width == "norm" else tensor.width
    return tensor_bytes(tensor.elements, plan.dtype.bits[width])


@term("n * bits / 8", unit="bytes", source="Korthikanti et al. 2022, arXiv:2205.05198, section 4.1")
def tensor_bytes(n: Number, bits: float) -> Number:
    """Of the elements of a tensor."""
    return n * bits / 8


def inference_memory(plan: InferencePlan, prefill: LoweredModel) -> dict[str, Number]:
    """Of the fullest stage: weights, the KV cache of full-length sequences, and the widest operator's inputs.

    With p stages busy p batches are in flight, so a stage holds its layers' cache of all of them.
    """
    dtype = plan.dtype
    ends = maximum(*end_parameters(prefill, where(plan.layout.pp == 1, 1.0, 0.0)))
    return {
        "weights": weight_bytes(
            layer_parameters(prefill, plan.layout), dtype.weight_bits, ends, dtype.embedding_bits, 1
        ),
        "kv_cache": plan.layout.pp * kv_cache_bytes(plan, fullest_stage_share(prefill, plan.layout)),
        "activations": widest_input_bytes(plan, prefill),
    }


def widest_input_bytes(plan: InferencePlan, rank: LoweredModel) -> Number:
    """Inputs of the operator of a layer that reads most; attention scores stay on chip (Dao et al. 2022)."""
    widest: Number = 0.0
    for block in rank.layers:
        for operator in block.operators:
            held = total(_tensor_bytes(tensor, plan) for tensor in operator.inputs if not tensor.fusible)
            widest = maximum(widest, held)
    return widest
