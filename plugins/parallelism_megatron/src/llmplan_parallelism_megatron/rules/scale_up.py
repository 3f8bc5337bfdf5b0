"""Groups of ranks that leave the scale-up domain, of training and of serving alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from llmplan.arrays.quantities import Truth
from llmplan.records.cluster import USUAL
from llmplan_costing.rules import Rule
from llmplan_parallelism_megatron.network.groups import Group

GroupsOf: TypeAlias = Callable[[Any], Iterable[tuple[str, Group]]]
"""The groups of a plan that exchange something, each with the size that makes it: ``tp``."""


def stays_linked(groups_of: GroupsOf) -> Rule:
    """No group leaves a cluster: the domain of an accelerator whose record holds no link beyond it, for one."""

    def broken(plan: Any) -> Truth:
        leaves: Truth = False
        most = plan.hardware.cluster.levels[-1].size
        if most is not None:
            for _, group in groups_of(plan):
                leaves = leaves | (group.ranks > group.inside(most))
        return leaves

    def said(plan: Any) -> str:
        hardware = plan.hardware
        most = hardware.cluster.levels[-1].size
        name = next(name for name, group in groups_of(plan) if group.ranks > group.inside(most))
        leaves = f"{name}: {int(getattr(plan.layout, name))} leaves"
        if len(hardware.cluster.levels) > 1 or hardware.cluster.name != USUAL:
            name = "" if hardware.cluster.name == USUAL else f" {hardware.cluster.name}"
            return f"{leaves} the cluster{name}, which holds {most:,}"
        return f"{leaves} the scale-up domain of {hardware.name}, {most}, and its record holds no link beyond"

    return Rule("groups stay in the scale-up domain where no link leaves it", broken, said)


def stays_inside(groups_of: GroupsOf, name: str) -> Rule:
    """A group that exchanges much is better off inside."""

    def group(plan: Any) -> Group:
        return dict(groups_of(plan))[name]

    def said(plan: Any) -> str:
        hardware, one = plan.hardware, group(plan)
        link = (hardware.beyond_domain_bytes_per_second or 0.0) * plan.efficiency.scale_out / 1e9
        priced = "" if plan.efficiency.mfu is not None else f": its traffic is priced at {link:,.3g} GB/s"
        ranks = f"{name} {int(one.ranks)}" + (f" with tp {int(one.stride)}" if one.stride > 1 else "")
        return f"{ranks} leaves the scale-up domain of {hardware.scale_up_domain}{priced}"

    return Rule(f"{name} in the scale-up domain", lambda plan: _leaves(plan, group(plan)), said)


def _leaves(plan: Any, group: Group) -> Truth:
    return group.ranks > group.inside(plan.hardware.scale_up_domain)
