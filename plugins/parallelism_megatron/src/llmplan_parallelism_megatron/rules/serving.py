"""What ``megatron`` has to say about an inference plan before pricing it."""

from __future__ import annotations

from collections.abc import Iterator

from llmplan.arrays.quantities import Truth, has_remainder, minimum
from llmplan.records import InferencePlan
from llmplan_costing import rules
from llmplan_costing.rules import TOO_LONG_A_PIPELINE, Rule
from llmplan_parallelism_megatron.network.groups import Group, groups_of
from llmplan_parallelism_megatron.options import captured
from llmplan_parallelism_megatron.rules.common import DIVIDES_EXPERTS, DIVIDES_HEADS, nearest, routed_experts
from llmplan_parallelism_megatron.rules.scale_up import stays_inside, stays_linked


def check(plan: InferencePlan) -> tuple[str, ...]:
    """Words against the layout of a plan of numbers; BadInputError where it cannot be priced."""
    rules.refuse(plan, REFUSED)
    return rules.said(plan, AVOIDED)


def illegal(plan: InferencePlan) -> dict[str, Truth]:
    """By rule, whether plans break it: `check` refuses those that break any."""
    return rules.broken(plan, REFUSED)


def remarks(plan: InferencePlan) -> tuple[str, ...]:
    """What to know of a plan of numbers, whatever its layout."""
    return (*_in_flight(plan), *_graphs(plan), *_narrow_experts(plan), *_group_of_experts(plan))


def _uneven_ranks(plan: InferencePlan) -> Truth:
    """Experts are shared by data parallel ranks, as many to a group, or by all of these and of tp ranks a divisor."""
    layout = plan.layout
    shared = minimum(layout.ep, layout.dp)
    return (
        has_remainder(layout.dp, shared)
        | has_remainder(layout.ep, shared)
        | has_remainder(layout.tp, layout.ep / shared)
    )


def _say_ranks(plan: InferencePlan) -> str:
    layout, experts = plan.layout, routed_experts(plan.model)
    tp, dp, ep = int(layout.tp), int(layout.dp), int(layout.ep)

    def fits(size: int) -> bool:
        return experts % size == 0 and (dp % size == 0 or (size % dp == 0 and tp % (size // dp) == 0))

    close = nearest(ep, tp * dp, fits)
    return f"ep: {ep} does not share experts over dp {dp} x tp {tp} = {dp * tp} evenly; {close} would"


def _groups(plan: InferencePlan) -> tuple[tuple[str, Group], ...]:
    groups = groups_of(plan.layout)
    return (
        ("tp", groups.tensor),
        ("ep", Group(minimum(plan.layout.ep, plan.layout.dp), plan.layout.tp)),
        ("pp", Group(plan.layout.pp, groups.pipeline.stride)),
    )


REFUSED = (
    TOO_LONG_A_PIPELINE,
    DIVIDES_HEADS,
    DIVIDES_EXPERTS,
    Rule("ep shares experts over dp x tp", _uneven_ranks, _say_ranks),
    stays_linked(_groups),
)
"""What has to hold for a plan to be priced."""


def _say_stages(plan: InferencePlan) -> str:
    pp, layers = int(plan.layout.pp), plan.model.layers
    return (
        f"pp {pp} does not divide the {layers} layers of {plan.model.name}: stages hold {layers // pp} or "
        f"{-(-layers // pp)} layers, priced at the slower"
    )


AVOIDED = (
    stays_inside(_groups, "tp"),
    stays_inside(_groups, "ep"),
    Rule("pp divides the layers", lambda plan: has_remainder(plan.model.layers, plan.layout.pp), _say_stages),
)
"""What has to hold for nothing to be said against a layout."""


def _in_flight(plan: InferencePlan) -> Iterator[str]:
    pp = int(plan.layout.pp)
    if pp > 1:
        yield f"{pp} batches are in flight, one on each of {pp} pipeline stages; memory holds the caches of all"


def _graphs(plan: InferencePlan) -> Iterator[str]:
    engine = plan.engine
    if captured(plan) != engine.captures_launches and not engine.launch_seconds_per_layer:
        option = "cuda-graphs" if captured(plan) else "no-cuda-graphs"
        yield f"{option} changes nothing: what launches cost in {engine.name} is not known"


def _narrow_experts(plan: InferencePlan) -> Iterator[str]:
    if plan.dtype.expert_bits is not None and not routed_experts(plan.model):
        yield f"{plan.dtype.name} narrows routed experts alone, and {plan.model.name} has none"


def _group_of_experts(plan: InferencePlan) -> Iterator[str]:
    if plan.layout.ep > 1:
        yield "experts are priced as if tokens chose them by chance; routers that favour some make one rank slower"
