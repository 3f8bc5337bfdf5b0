"""What waits in host memory needs a link to the host, and room there where somebody states how much there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmplan.units import GIB
from llmplan_costing.by_column import by_column
from llmplan_costing.rules import Rule

if TYPE_CHECKING:
    from llmplan.arrays.quantities import Truth
    from llmplan.records import TrainingPlan


_ZERO_3 = 3


def _without_link(plan: TrainingPlan) -> Truth:
    return plan.waits_on_host & (plan.hardware.host_bytes_per_second is None)


def _say_link(plan: TrainingPlan) -> str:
    return f"offload: {plan.offloaded} needs a link to the host, and the record of {plan.hardware.name} has none"


def _beyond_room(plan: TrainingPlan) -> Truth:
    room = _room_bytes(plan)
    if room is None or not (plan.optimizer.paged or plan.waits_on_host is not False):
        return False
    from llmplan_parallelism_megatron.rank import Rank
    from llmplan_parallelism_megatron.training.host import host_memory

    with by_column(plan) as (seen, filled):
        beyond: Truth = filled(host_memory(Rank.of(seen)) > room)
    return beyond if plan.optimizer.paged else beyond & plan.waits_on_host


def _room_bytes(plan: TrainingPlan) -> float | None:
    """Of the host's memory, for each of its accelerators; None where nobody states it."""
    cluster = plan.hardware.cluster
    return None if cluster.host_memory_bytes is None else cluster.host_memory_bytes / cluster.node


def _say_room(plan: TrainingPlan) -> str:
    from llmplan_parallelism_megatron.rank import Rank
    from llmplan_parallelism_megatron.training.host import host_memory

    needed, room = host_memory(Rank.of(plan)) / GIB, (_room_bytes(plan) or 0.0) / GIB
    what = f"offload: {plan.offloaded}" if plan.offloaded else f"optimizer: {plan.optimizer.name}"
    return f"{what} needs {needed:,.1f} GiB of host memory for each GPU, and there are {room:,.1f}"


def _nobody_gathers(plan: TrainingPlan) -> Truth:
    layout = plan.layout
    alone = layout.dp * layout.cp == 1
    return plan.offload_parameters & ((layout.pp > 1) | ((layout.zero < _ZERO_3) & (alone == False)))  # noqa: E712 - of arrays as well


def _say_gathers(plan: TrainingPlan) -> str:
    if plan.layout.pp > 1:
        return f"offload: {plan.offloaded} with pp {int(plan.layout.pp)}: weights that wait in host memory need pp 1"
    return (
        f"offload: {plan.offloaded} with zero {int(plan.layout.zero)}: weights wait in host memory where ZeRO 3 "
        "gathers them layer by layer; zero 3 would do"
    )


GATHERS = Rule("parameters in host memory are gathered layer by layer", _nobody_gathers, _say_gathers)
HAS_A_LINK = Rule("offload has a link to the host", _without_link, _say_link)
HAS_ROOM = Rule("offload fits into host memory", _beyond_room, _say_room)
