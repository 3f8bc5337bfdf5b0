"""What waits in host memory needs a link to the host, and room there where somebody states how much there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmplan.estimate.by_column import by_column
from llmplan.estimate.rules import Rule
from llmplan.units import GIB

if TYPE_CHECKING:
    from llmplan.arrays.quantities import Truth
    from llmplan.records import TrainingPlan


def _without_link(plan: TrainingPlan) -> Truth:
    return (plan.offload_optimizer | plan.offload_activations) & (plan.hardware.host_bytes_per_second is None)


def _say_link(plan: TrainingPlan) -> str:
    return f"offload: {plan.offloaded} needs a link to the host, and the record of {plan.hardware.name} has none"


def _beyond_room(plan: TrainingPlan) -> Truth:
    room = _room_bytes(plan)
    if room is None or (plan.offload_optimizer is False and plan.offload_activations is False):
        return False
    from llmplan_parallelism_megatron.rank import Rank
    from llmplan_parallelism_megatron.training.memory import host_memory

    with by_column(plan) as (seen, filled):
        beyond: Truth = filled(host_memory(Rank.of(seen)) > room)
    return beyond & (plan.offload_optimizer | plan.offload_activations)


def _room_bytes(plan: TrainingPlan) -> float | None:
    """Of the host's memory, for each of its accelerators; None where nobody states it."""
    cluster = plan.hardware.cluster
    return None if cluster.host_memory_bytes is None else cluster.host_memory_bytes / cluster.node


def _say_room(plan: TrainingPlan) -> str:
    from llmplan_parallelism_megatron.rank import Rank
    from llmplan_parallelism_megatron.training.memory import host_memory

    needed, room = host_memory(Rank.of(plan)) / GIB, (_room_bytes(plan) or 0.0) / GIB
    return f"offload: {plan.offloaded} needs {needed:,.1f} GiB of host memory for each GPU, and there are {room:,.1f}"


HAS_A_LINK = Rule("offload has a link to the host", _without_link, _say_link)
HAS_ROOM = Rule("offload fits into host memory", _beyond_room, _say_room)
