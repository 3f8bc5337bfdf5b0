"""The optimizer step: bytes that it moves, and multiplications where it makes gradients orthogonal."""

from __future__ import annotations

from llmplan.arrays.quantities import Number, where
from llmplan.records import TrainingPlan
from llmplan_parallelism_megatron.kernels.reached import Kernels
from llmplan_parallelism_megatron.network.groups import Groups
from llmplan_parallelism_megatron.training.data_parallel import shards
from llmplan_parallelism_megatron.training.parameters import Parameters

MASTER_BYTES = 4.0
NEWTON_SCHULZ_FLOPS = 6.0
"""Of a parameter, a step and a unit of the smaller width of its matrix: G G^T, its square and the product with G, two
FLOPs each (Jordan et al. 2024, Muon, kellerjordan.github.io/posts/muon).
"""


def master_bytes(plan: TrainingPlan) -> float:
    """Of a parameter: a copy in 32 bits, where the weights themselves have fewer."""
    weight_bits = plan.dtype.training_weight_bits or plan.dtype.weight_bits
    return MASTER_BYTES if plan.master_weights and weight_bits < 8 * MASTER_BYTES else 0.0


def held_bytes(plan: TrainingPlan) -> float:
    """Of a trained parameter: master weight, the optimizer's states and what the framework adds."""
    return master_bytes(plan) + plan.optimizer.state_bytes + plan.framework.optimizer_extra_bytes


def optimizer_parameters(plan: TrainingPlan, parameters: Parameters, groups: Groups) -> Number:
    """That one rank updates: its share where ZeRO divides the states."""
    dense, experts = parameters.trained(plan)
    divided = plan.layout.shards_optimizer
    return dense / where(divided, shards(plan, groups.data), 1.0) + experts / where(
        divided, shards(plan, groups.expert_data), 1.0
    )


def optimizer_seconds(plan: TrainingPlan, parameters: Parameters, width: Number, of: Kernels, groups: Groups) -> Number:
    """States are read and written, gradients read for their norm and for the step, and cleared; weights are written.

    States that wait in host memory are updated there; gradients go down the host link, weights come up.
    """
    updated = optimizer_parameters(plan, parameters, groups)
    weight_bytes = (plan.dtype.training_weight_bits or plan.dtype.weight_bits) / 8
    gradient_bytes = plan.gradient_bits / 8
    moved = 2.0 * held_bytes(plan) + 3.0 * gradient_bytes + weight_bytes
    seconds = updated * moved / of.bytes_per_second
    steps = plan.optimizer.newton_schulz_steps
    seconds = seconds + updated * steps * NEWTON_SCHULZ_FLOPS * width / of.wide.most_flops_per_second
    travel = updated * (gradient_bytes + weight_bytes) / host_bytes_per_second(plan)
    on_host = travel + updated * (2.0 * held_bytes(plan) / HOST_MEMORY_BYTES_PER_SECOND)
    return where(plan.offload_optimizer, on_host, seconds)


HOST_MEMORY_BYTES_PER_SECOND = 25e9
"""Of one accelerator's share of the host: two sockets of eight DDR4-3200 channels, 410 GB/s, half of it reached, over
eight accelerators (Ren et al. 2021, arXiv:2101.06840, section 5.1, on CPU-Adam, which is bound by it).
"""


def host_bytes_per_second(plan: TrainingPlan) -> float:
    """One direction of the host link; `check` refuses a plan that needs it where none is known."""
    return plan.hardware.host_bytes_per_second or float("inf")
