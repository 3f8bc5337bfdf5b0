"""The kind of a training plan, and its ranges."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from llmplan.arrays.quantities import Truth
from llmplan.estimate import Spread
from llmplan.records import Layout, Schedule, TrainingPlan, Tuning
from llmplan_parallelism_megatron.megatron.checks import routed_experts
from llmplan_parallelism_megatron.megatron.data_parallel import SHARDS_GRADIENTS, SHARDS_WEIGHTS
from llmplan_parallelism_megatron.megatron.links import Group, groups_of
from llmplan_parallelism_megatron.ranges.kind import DATASHEET, Kind
from llmplan_parallelism_megatron.ranges.table import Ranges, read_ranges

VALIDATION = Path(__file__).resolve().parents[1] / "validation"
KINDS, LEAPS = VALIDATION / "training_kinds.csv", VALIDATION / "training_leaps.csv"
TIME, MEMORY = "time", "memory"
FAMILIES = ("megatron-core",)
"""Programs that are one with those whose names begin with theirs: the same code, other switches."""
EIGHT_BITS = 8.0


def spreads(plan: TrainingPlan) -> tuple[Spread, Spread]:
    """How far time and memory may be off."""
    ranges, kind = training_ranges(), kind_of(plan)
    return ranges[TIME].spread(kind), ranges[MEMORY].spread(kind)


def training_ranges() -> dict[str, Ranges]:
    """By figure."""
    return dict(read_ranges(KINDS, LEAPS))


def kind_of(plan: TrainingPlan) -> Kind:
    """Of a plan, or of an array of plans."""
    return Kind(
        program=family(plan.framework.name),
        architecture=plan.hardware.architecture,
        traits={**_traits(plan), **_sharding(plan), **_experts(plan)},
        scale=plan.layout.gpus,
        sharded=plan.layout.zero >= SHARDS_GRADIENTS,
    )


def family(program: str) -> str:
    """The program that it is a variant of, or itself."""
    return next((name for name in FAMILIES if program == name or program.startswith(f"{name}-")), program)


def _traits(plan: TrainingPlan) -> dict[str, Truth]:
    layout = plan.layout
    schedules = {f"schedule-{one.label}": plan.schedule == one for one in Schedule if one is not Schedule.ONE_F_ONE_B}
    return {
        DATASHEET: plan.hardware.kernels is None,
        "fp8": plan.dtype.weight_bits == EIGHT_BITS,
        "fp4": plan.dtype.weight_bits < EIGHT_BITS,
        "lora": plan.tuning is Tuning.LORA,
        "qlora": plan.tuning is Tuning.QLORA,
        "tensor": layout.tp > 1,
        "pipeline": layout.pp > 1,
        "context": layout.cp > 1,
        "offload": plan.offload_optimizer | plan.offload_activations,
        **schedules,
    }


def _sharding(plan: TrainingPlan) -> dict[str, Truth]:
    """ZeRO 2; ZeRO 3 in the scale-up domain; ZeRO 3 that gathers weights over the network."""
    beyond, weights = _leaves(_sharding_group(plan.layout), plan), plan.layout.zero >= SHARDS_WEIGHTS
    return {
        "zero-2": plan.layout.zero == SHARDS_GRADIENTS,
        "zero-3": weights & ~beyond if beyond is not True and beyond is not False else weights & (not beyond),
        "zero-3-beyond-domain": weights & beyond,
    }


def _experts(plan: TrainingPlan) -> dict[str, Truth]:
    """Tokens that are routed inside the scale-up domain, or beyond it."""
    if not _has_experts(plan):
        return {}
    beyond = _leaves(groups_of(plan.layout).expert, plan)
    return {"experts": 1 - beyond, "experts-beyond-domain": beyond}
