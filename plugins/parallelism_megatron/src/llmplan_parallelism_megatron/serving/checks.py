"""What ``megatron`` has to say about an inference plan before pricing it."""

from __future__ import annotations

from collections.abc import Iterator

from llmplan.quantities import Truth, has_remainder, minimum
from llmplan.records import InferencePlan
from llmplan_parallelism_megatron import rules
from llmplan_parallelism_megatron.collectives import beyond_domain_bytes_per_second
from llmplan_parallelism_megatron.megatron.checks import DIVIDES_EXPERTS, DIVIDES_HEADS, nearest, routed_experts
from llmplan_parallelism_megatron.megatron.links import Group, groups_of
from llmplan_parallelism_megatron.roofline_checks import TOO_LONG_A_PIPELINE
from llmplan_parallelism_megatron.rules import Rule

_SIXTEEN_BITS = 16


def check(plan: InferencePlan) -> tuple[str, ...]:
    """Words against the layout of a plan of numbers; BadInputError where it cannot be priced."""
    rules.refuse(plan, REFUSED)
    return rules.said(plan, AVOIDED)


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
        (
            "pp",
            Group(plan.layout.pp, groups.pipeline.stride),
        ),
    )


def _leaves_domain(plan: InferencePlan, group: Group) -> Truth:
    return group.ranks > group.inside(plan.hardware.scale_up_domain)


def _without_link(plan: InferencePlan) -> Truth:
    leaves: Truth = False
    if beyond_domain_bytes_per_second(plan.hardware) is None:
        for _, group in _groups(plan):
            leaves = leaves | _leaves_domain(plan, group)
    return leaves


def _say_link(plan: InferencePlan) -> str:
    hardware = plan.hardware
    name = next(name for name, group in _groups(plan) if _leaves_domain(plan, group))
    return (
        f"{name}: {int(getattr(plan.layout, name))} leaves the scale-up domain of {hardware.name}, "
        f"{hardware.scale_up_domain}, and its record holds no link beyond"
    )


REFUSED = (
    TOO_LONG_A_PIPELINE,
    DIVIDES_HEADS,
    DIVIDES_EXPERTS,
    Rule("ep shares experts over dp x tp", _uneven_ranks, _say_ranks),
    Rule("groups stay in the scale-up domain where no link leaves it", _without_link, _say_link),
)
"""What has to hold for a plan to be priced."""


def _beyond_domain(name: str) -> Rule:
    def group(plan: InferencePlan) -> Group:
        return dict(_groups(plan))[name]

    def said(plan: InferencePlan) -> str:
        link = (beyond_domain_bytes_per_second(plan.hardware) or 0.0) * plan.efficiency.scale_out / 1e9
        return (
            f"{name} {int(group(plan).ranks)} leaves the scale-up domain of {plan.hardware.scale_up_domain}: its "
            f"traffic is priced at {link:,.3g} GB/s"
        )

    return Rule(f"{name} in the scale-up domain", lambda plan: _leaves_domain(plan, group(plan)), said)


def _say_stages(plan: InferencePlan) -> str:
    pp, layers = int(plan.layout.pp), plan.model.layers
    return (
        f"pp {pp} does not divide the {layers} layers of {plan.model.name}: stages hold {layers // pp} or "
        f"{-(-layers // pp)} layers, priced at the slower"
    )


AVOIDED = (
    _beyond_domain("tp"),
    _beyond_domain("ep"),
    Rule("pp divides the layers", lambda plan: has_remainder(plan.model.layers, plan.layout.pp), _say_stages),
)
"""What has to hold for nothing to be said against a layout."""


def _in_flight(plan: InferencePlan) -> Iterator[str]:
    pp = int(plan.layout.pp)
    if pp > 1:
        yield f"{pp} batches are in flight, one on each of {pp} pipeline stages; memory holds the caches of all"


def _graphs(plan: InferencePlan) -> Iterator[str]:
    engine = plan.engine
    if plan.cuda_graphs != engine.cuda_graphs and not engine.launch_seconds_per_layer:
        option = "cuda-graphs" if plan.cuda_graphs else "no-cuda-graphs"
        yield f"{option} changes nothing: what launches cost in {engine.name} is not known"


def _narrow_experts(plan: InferencePlan) -> Iterator[str]:
    if plan.dtype.expert_bits is not None and not routed_experts(plan.model):
        yield f"{plan.dtype.name} narrows routed experts alone, and {plan.model.name} has none"


def _group_of_experts(plan: InferencePlan) -> Iterator[str]:
    if plan.layout.ep > 1:
        yield "experts are priced as if tokens chose them evenly; the busiest rank of a real batch takes longer"
