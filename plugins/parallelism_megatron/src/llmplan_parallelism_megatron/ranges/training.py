"""The kind of a training plan, and its ranges."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llmplan.arrays.quantities import Number, Truth
from llmplan.estimate import Spread
from llmplan.records import Schedule, TrainingPlan, Tuning
from llmplan_parallelism_megatron.network.groups import Group, groups_of
from llmplan_parallelism_megatron.ranges.kind import DATASHEET, Kind
from llmplan_parallelism_megatron.ranges.table import Ranges, read_ranges
from llmplan_parallelism_megatron.rank import expert_tp
from llmplan_parallelism_megatron.rules.common import routed_experts
from llmplan_parallelism_megatron.training.data_parallel import shards

VALIDATION = Path(__file__).resolve().parents[1] / "validation"
KINDS, LEAPS = VALIDATION / "training_kinds.csv", VALIDATION / "training_leaps.csv"
TIME, MEMORY = "time", "memory"
FAMILY = "megatron-core"
"""The program that is one with those whose names begin with its name: the same code, other switches."""
_ZERO_2, _ZERO_3 = 2, 3
_EIGHT_BITS = 8.0


def spreads(plan: TrainingPlan) -> tuple[Spread, Spread]:
    """How far time and memory may be off."""
    ranges, (kinds, at) = training_ranges(), kind_of(plan).distinct()
    time, memory = ranges[TIME].spread(kinds), ranges[MEMORY].spread(kinds)
    return (time, memory) if at is None else (_of_each(time, at), _of_each(memory, at))


def _of_each(spread: Spread, at: Any) -> Spread:
    """Of each plan that of its kind."""
    fields = ("low", "high", "rows", "extrapolated")
    held = {name: getattr(spread, name) for name in fields}
    return Spread(**{name: value.take(at) if getattr(value, "ndim", 0) else value for name, value in held.items()})


def training_ranges() -> Mapping[str, Ranges]:
    """The ranges of training, by figure."""
    return read_ranges(KINDS, LEAPS)


def kind_of(plan: TrainingPlan) -> Kind:
    """Of a plan, or of an array of plans."""
    return Kind(
        program=family(plan.framework.name),
        architecture=plan.hardware.architecture,
        traits={**_arithmetic(plan), **_splits(plan), **_sharding(plan), **_experts(plan)},
        scale=plan.layout.gpus,
        essential=frozenset({plan.tuning.value} if plan.tuning is not Tuning.FULL else ()),
        sharded=plan.layout.zero >= _ZERO_2,
    )


def family(program: str) -> str:
    """The program that it is a variant of, or itself."""
    return FAMILY if program.startswith(f"{FAMILY}-") else program


def _arithmetic(plan: TrainingPlan) -> dict[str, Truth]:
    """What is trained, in how many bits, on what is known of the accelerator."""
    return {
        DATASHEET: plan.hardware.kernels is None or plan.hardware.kernels.borrowed,
        "fp8": plan.dtype.weight_bits == _EIGHT_BITS,
        "fp4": plan.dtype.weight_bits < _EIGHT_BITS,
        "lora": plan.tuning is Tuning.LORA,
        "qlora": plan.tuning is Tuning.QLORA,
    }


def _splits(plan: TrainingPlan) -> dict[str, Truth]:
    """How the work is divided, in which order it is done, and what waits in host memory."""
    layout = plan.layout
    return {
        "tensor": layout.tp > 1,
        "pipeline": layout.pp > 1,
        "context": layout.cp > 1,
        "offload": plan.waits_on_host,
        **{f"schedule-{one.name}": _has(plan, one) for one in plan.schedule.among if not one.default},
    }


def _has(plan: TrainingPlan, wanted: Schedule) -> Truth:
    return plan.schedule.of(lambda schedule: schedule is wanted)


def _sharding(plan: TrainingPlan) -> dict[str, Truth]:
    """ZeRO 3 that gathers weights inside the scale-up domain is another thing than over the network."""
    layout = plan.layout
    group = Group(shards(plan, groups_of(layout).data), layout.tp)
    inside = group.inside(plan.hardware.scale_up_domain)
    weights = layout.zero >= _ZERO_3
    return {
        "zero-2": layout.zero == _ZERO_2,
        "zero-3": weights & (group.ranks <= inside),
        "zero-3-beyond-domain": weights & (group.ranks > inside),
    }


def _experts(plan: TrainingPlan) -> dict[str, Truth]:
    """Tokens are routed to experts inside the scale-up domain, or beyond it."""
    if not routed_experts(plan.model):
        return {}
    group = groups_of(plan.layout, expert_tp(plan)).expert
    inside: Number = group.inside(plan.hardware.scale_up_domain)
    return {"experts": group.ranks <= inside, "experts-beyond-domain": group.ranks > inside}
