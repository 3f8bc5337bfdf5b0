"""What training and serving alike have to keep: heads and experts are divided evenly."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

from llmplan.arrays.quantities import has_remainder
from llmplan_costing.rules import Rule
from llmplan_costing.sharding import most_parts

if TYPE_CHECKING:
    from llmplan.arrays.quantities import Truth
    from llmplan.records import InferencePlan, ModelArchitecture, TrainingPlan


def _uneven_heads(plan: TrainingPlan | InferencePlan) -> Truth:
    """Each rank has as many heads, and of KV heads as many or a copy of one."""
    tp, limited = plan.layout.tp, most_parts(plan.model)
    uneven: Truth = False
    for most in limited:
        fewer = most < max(limited)
        uneven = uneven | (has_remainder(most, tp) & (has_remainder(tp, most) if fewer else True))
    return uneven


def _say_heads(plan: TrainingPlan | InferencePlan) -> str:
    tp, limited = int(plan.layout.tp), most_parts(plan.model)
    most, parts = next((most, parts) for most, parts in limited.items() if not _splits(tp, most, max(limited)))
    close = nearest(tp, max(limited), lambda size: all(_splits(size, one, max(limited)) for one in limited))
    return f"tp: {tp} does not divide the {most} {parts} of {plan.model.name}; {close} would"


def _splits(tp: int, most: int, all_parts: int) -> bool:
    """Parts are divided evenly; fewer parts than heads may also be copied, each to as many ranks."""
    return most % tp == 0 or (most < all_parts and tp % most == 0)


def _uneven_experts(plan: TrainingPlan | InferencePlan) -> Truth:
    """Each expert parallel rank has as many experts."""
    ep, experts = plan.layout.ep, routed_experts(plan.model)
    return (ep > 1) & (has_remainder(experts, ep) | (experts == 0))


def _say_experts(plan: TrainingPlan | InferencePlan) -> str:
    ep, experts = int(plan.layout.ep), routed_experts(plan.model)
    if not experts:
        return f"ep: {ep} divides routed experts, and {plan.model.name} has none; 1 would do"
    close = nearest(ep, experts, lambda size: experts % size == 0)
    return f"ep: {ep} does not divide the {experts} routed experts of {plan.model.name}; {close} would"


@lru_cache(maxsize=256)
def routed_experts(model: ModelArchitecture) -> int:
    """Experts that expert parallelism divides, in one layer; 0 where there are none."""
    gemms = (operator.gemm for block in model.lower(1, 1).layers for operator in block.operators)
    return max((int(gemm.groups) for gemm in gemms if gemm is not None and gemm.routed), default=0)


def nearest(value: int, most: int, fits: Callable[[int], bool]) -> str:
    """The sizes next to a value that would do, in words."""
    below = next((size for size in range(min(value - 1, most), 0, -1) if fits(size)), None)
    above = next((size for size in range(value + 1, most + 1) if fits(size)), None)
    return " or ".join(str(size) for size in (below, above) if size is not None)


DIVIDES_HEADS = Rule("tp divides the heads", _uneven_heads, _say_heads)
DIVIDES_EXPERTS = Rule("ep divides the experts", _uneven_experts, _say_experts)
