"""Groups of ranks that exchange something, and how many of them share a scale-up domain.

Ranks are numbered in the order tp, cp, ep, dp, pp, so a group of ranks `stride` apart has domain / stride of them in
one scale-up domain (Narayanan et al. 2021, arXiv:2104.04473, section 5.1: tensor parallel groups inside the node).
"""

from __future__ import annotations

from typing import NamedTuple

from llmplan.arrays.quantities import Number, floor, maximum, minimum
from llmplan.records import Layout


class Group(NamedTuple):
    """Ranks that communicate, each `stride` after the last."""

    ranks: Number
    stride: Number
    devices: Number | None = None
    """Of the whole run, where these are known."""

    def inside(self, domain: Number | None) -> Number:
        """Those of them that share a domain of so many accelerators; all where it has no limit."""
        if domain is None:
            return self.ranks
        return minimum(self.ranks, maximum(1.0, floor(domain / self.stride)))


class Groups(NamedTuple):
    """The groups of ranks that a layout makes."""

    tensor: Group
    context: Group
    expert: Group
    data: Group
    """All that hold the same weights, outside of experts: dp x cp ranks."""
    expert_data: Group
    """All that hold the same experts."""
    pipeline: Group


def groups_of(layout: Layout, expert_tp: Number | None = None) -> Groups:
    """By the rank order tp, cp, ep, dp, pp; expert parallel ranks are context and data parallel ones, and tensor
    parallel ones where fewer than all of these share an expert (Megatron-LM, core/parallel_state.py:
    expert-tensor-parallel-size).
    """
    tp, cp, ep, dp, devices = layout.tp, layout.cp, layout.ep, layout.dp, layout.gpus
    within = tp if expert_tp is None else expert_tp
    return Groups(
        tensor=Group(tp, 1, devices),
        context=Group(cp, tp, devices),
        expert=Group(ep, within, devices),
        data=Group(dp * cp, tp, devices),
        expert_data=Group(tp / within * dp * cp / ep, within * ep, devices),
        pipeline=Group(layout.pp, tp * cp * dp, devices),
    )
