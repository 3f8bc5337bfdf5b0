"""The optimizer step: bytes that it moves, and multiplications where it makes gradients orthogonal."""

from __future__ import annotations

from llmplan.arrays.quantities import Number, maximum, minimum, where
from llmplan.arrays.term import term
from llmplan.records import TrainingPlan, Tuning
from llmplan_parallelism_megatron.kernels.elementwise import ROOFLINE
from llmplan_parallelism_megatron.rank import Rank
from llmplan_parallelism_megatron.training.data_parallel import shards
from llmplan_parallelism_megatron.training.divided import gradients_follow
from llmplan_parallelism_megatron.training.parameters import Parameters

MASTER_BYTES = 4.0
NEWTON_SCHULZ_FLOPS = 6.0
"""Of a parameter, a step and a unit of the smaller width of its matrix: G G^T, its square and the product with G, two
FLOPs each (Jordan et al. 2024, Muon, kellerjordan.github.io/posts/muon).
"""
PAGED_ROOM = 0.8
"""Of the device's memory, beyond which pages of states leave it: assumed, since drivers evict before it is full and the
memory of a step is known to a tenth.
"""
HOST_MEMORY_BYTES_PER_SECOND = 25e9
"""Of one accelerator's share of the host: two sockets of eight DDR4-3200 channels, 410 GB/s, half of it reached, over
eight accelerators (Ren et al. 2021, arXiv:2101.06840, section 5.1, on CPU-Adam, which is bound by it).
"""


def state_bytes(plan: TrainingPlan, *, at_ends: bool = False) -> float:
    """Of a trained parameter: master weight in 32 bits where weights have fewer, the optimizer's states, and what the
    framework adds.
    """
    master = MASTER_BYTES if plan.master_weights and plan.dtype.held_bits < 8 * MASTER_BYTES else 0.0
    return master + own_bytes(plan, at_ends=at_ends) + plan.framework.optimizer_extra_bytes


def own_bytes(plan: TrainingPlan, *, at_ends: bool = False) -> float:
    """Of a trained parameter, the optimizer's states alone."""
    return plan.optimizer.state_bytes_in(plan.framework.state_bits, at_ends=at_ends)


@term(
    "dense / z + experts / z_e",
    unit="parameters or bytes",
    source="Rajbhandari et al. 2020, arXiv:1910.02054, section 5",
)
def sharded(dense: Number, z: Number, experts: Number, z_e: Number) -> Number:
    """ZeRO divides what it shards over the ranks that hold the same: z outside of experts, z_e of each expert."""
    return dense / z + experts / z_e


def share(rank: Rank, dense: Number, experts: Number, divided: Number) -> Number:
    """What one rank has of figures outside of experts and in them, where ZeRO divides these."""
    plan, groups = rank.plan, rank.groups
    ways, expert_ways = (where(divided, shards(plan, group), 1.0) for group in (groups.data, groups.expert_data))
    return sharded(dense, ways, experts, expert_ways)


def optimizer_parameters(rank: Rank, parameters: Parameters) -> Number:
    """That one rank updates: its share where ZeRO divides the states."""
    return share(rank, *parameters.trained(rank.plan), rank.plan.layout.shards_optimizer)


def parameters_at_ends(rank: Rank, parameters: Parameters) -> Number:
    """Those of these that another rule updates: none where it is the same for all."""
    plan = rank.plan
    if plan.optimizer.ends_state_bytes is None or plan.tuning is not Tuning.FULL:
        return 0.0
    return share(rank, parameters.ends, 0.0, plan.layout.shards_optimizer)


def held_states(rank: Rank, parameters: Parameters) -> Number:
    """Bytes of master weights and states that one rank updates, wherever they are."""
    plan, at_ends = rank.plan, parameters_at_ends(rank, parameters)
    in_layers = stored_bytes(optimizer_parameters(rank, parameters) - at_ends, state_bytes(plan))
    if plan.optimizer.ends_state_bytes is None:
        return in_layers
    return in_layers + stored_bytes(at_ends, state_bytes(plan, at_ends=True))


def paged_bytes(rank: Rank, parameters: Parameters, used: Number) -> Number:
    """Of a paged optimizer's states, what goes to the host before the device is full."""
    own = stored_bytes(optimizer_parameters(rank, parameters), own_bytes(rank.plan))
    here = where(rank.plan.offload_optimizer, 0.0, own)
    return paged_away_bytes(used, PAGED_ROOM * rank.plan.hardware.memory_bytes, here)


@term("min(max(used - room, 0), states)", unit="bytes", source="bitsandbytes, functional.py: cudaMallocManaged")
def paged_away_bytes(used: Number, room: float, states: Number) -> Number:
    """Pages of optimizer states go to the host as far as everything together is more than there is room for."""
    return minimum(maximum(used - room, 0.0), states)


@term("parameters * each", unit="bytes", source="Rajbhandari et al. 2020, arXiv:1910.02054, section 3.1")
def stored_bytes(parameters: Number, each: Number) -> Number:
    """A gradient has 2 or 4 bytes, Adam keeps 12 of a parameter: a master weight, momentum and variance in 32 bits."""
    return parameters * each


def optimizer_seconds(rank: Rank, parameters: Parameters) -> Number:
    """States that wait in host memory are updated there, others on the device."""
    plan, kernels = rank.plan, rank.kernels
    updated = optimizer_parameters(rank, parameters)
    held, gradient_bytes, weight_bytes = 2.0 * state_bytes(plan), plan.gradient_bits / 8, rank.held_bytes
    orthogonal = plan.optimizer.newton_schulz_steps * NEWTON_SCHULZ_FLOPS * rank.width
    moved = held + 3.0 * gradient_bytes + weight_bytes + plan.optimizer.moved_bytes
    on_device = moved_states_seconds(updated, moved, kernels.bytes_per_second)
    at_ends = parameters_at_ends(rank, parameters)
    on_device = on_device + orthogonal_seconds(updated - at_ends, orthogonal, kernels.wide.most_flops_per_second)
    link, memory = rank.host_bytes_per_second, HOST_MEMORY_BYTES_PER_SECOND
    down = where(gradients_follow(plan), 0.0, gradient_bytes)
    up = where(plan.offload_parameters, 0.0, weight_bytes)
    on_host = on_host_seconds(updated, down + up, link, held, memory)
    return where(plan.offload_optimizer, on_host, on_device)


@term("updated * moved / bandwidth", unit="s", source=ROOFLINE)
def moved_states_seconds(updated: Number, moved: Number, bandwidth: float) -> Number:
    """States are read and written, gradients read for their norm and for the step, and cleared; weights are written: so
    many bytes a parameter, which memory binds.
    """
    return updated * moved / bandwidth


@term("updated * orthogonal / rate", unit="s", source="Jordan et al. 2024, Muon, kellerjordan.github.io/posts/muon")
def orthogonal_seconds(updated: Number, orthogonal: Number, rate: float) -> Number:
    """Muon makes gradients orthogonal, which takes so many FLOPs a parameter; other optimizers do not."""
    return updated * orthogonal / rate


@term(
    "updated * (travel / link + held / host_memory)", unit="s", source="Ren et al. 2021, arXiv:2101.06840, section 5.1"
)
def on_host_seconds(updated: Number, travel: Number, link: float, held: float, host_memory: float) -> Number:
    """Gradients go down the host link and weights come up, unless they did so behind a pass; the host reads and writes
    the states in its own memory.
    """
    return updated * (travel / link + held / host_memory)
