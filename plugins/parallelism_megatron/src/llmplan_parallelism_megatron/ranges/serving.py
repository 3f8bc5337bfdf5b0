"""The kind of an inference plan, and its ranges."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from llmplan.estimate import Spread
from llmplan.records import InferencePlan
from llmplan_parallelism_megatron.network.groups import groups_of
from llmplan_parallelism_megatron.ranges.kind import DATASHEET, Kind
from llmplan_parallelism_megatron.ranges.table import Ranges, read_ranges
from llmplan_parallelism_megatron.rules.common import routed_experts

VALIDATION = Path(__file__).resolve().parents[1] / "validation"
KINDS, LEAPS = VALIDATION / "inference_kinds.csv", VALIDATION / "inference_leaps.csv"
PREFILL, DECODE, MEMORY = "prefill", "decode", "memory"
_FOUR_BITS, _EIGHT_BITS = 4.5, 8.5
"""Scales of groups of weights included."""


def spreads(plan: InferencePlan) -> tuple[Spread, Spread]:
    """How far the first token, and all further ones, may be off."""
    ranges, kind = serving_ranges(), kind_of(plan)
    return ranges[PREFILL].spread(kind), ranges[DECODE].spread(kind)


def memory_spread(plan: InferencePlan) -> Spread:
    """How far memory may be off."""
    return serving_ranges()[MEMORY].spread(kind_of(plan))


def serving_ranges() -> Mapping[str, Ranges]:
    """The ranges of serving, by figure."""
    return read_ranges(KINDS, LEAPS)


def kind_of(plan: InferencePlan) -> Kind:
    """Of a plan, or of an array of plans."""
    layout, dtype = plan.layout, plan.dtype
    return Kind(
        program=plan.engine.name,
        architecture=plan.hardware.architecture,
        traits={
            DATASHEET: plan.hardware.kernels is None or plan.hardware.kernels.borrowed,
            "weights-in-8-bits": _FOUR_BITS < dtype.weight_bits <= _EIGHT_BITS,
            "weights-in-4-bits": dtype.weight_bits <= _FOUR_BITS,
            "activations-in-8-bits": dtype.activation_bits <= _EIGHT_BITS,
            "experts": routed_experts(plan.model) > 0,
            "tensor": layout.tp > 1,
            "tensor-beyond-domain": layout.tp > groups_of(layout).tensor.inside(plan.hardware.scale_up_domain),
            "pipeline": layout.pp > 1,
            "offloaded": bool(plan.offload),
        },
        scale=layout.tp * layout.pp,
    )
