"""How long collectives take over links at a constant share of their bandwidth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmplan.arrays.quantities import maximum, minimum, where
from llmplan.arrays.term import term

if TYPE_CHECKING:
    from llmplan.arrays.quantities import Number
    from llmplan.records import InferencePlan, TrainingPlan

ALL_REDUCE_LATENCY_SECONDS = 8e-6
"""Least time of an all-reduce inside a node (llm-analysis, INTRA_NODE_LATENCY, for NVLink and NVSwitch)."""


def tp_link_bytes_per_second(plan: TrainingPlan | InferencePlan) -> Number:
    """N: bandwidth of one direction that a tensor parallel group reaches, on the slowest link that it crosses."""
    hardware, efficiency, tp = plan.hardware, plan.efficiency, plan.layout.tp
    cluster = hardware.cluster
    first, domain = cluster.levels[0], float(hardware.scale_up_domain)
    n = minimum(tp, domain)
    inside = first.reached(hardware.scale_up_bytes_per_second, n, first.lies(n, 1.0, plan.layout.gpus))
    link: Number = inside * efficiency.scale_up
    for place, below in enumerate(cluster.levels[:-1], start=1):
        link = where(tp <= below.widest, link, (cluster.link(place) or 0.0) * efficiency.scale_out)
    return link


def all_reduce_seconds(message_bytes: Number, ranks: Number, bytes_per_second: Number) -> Number:
    """Of bytes that are summed over ranks; 0 for one."""
    return where(ranks > 1, ring_seconds(message_bytes, ranks, bytes_per_second, ALL_REDUCE_LATENCY_SECONDS), 0.0)


@term(
    "max(2 * M * (t - 1) / t / N, latency)",
    unit="s",
    source="Patarasuk and Yuan 2009, doi:10.1016/j.jpdc.2008.09.002, section 4",
)
def ring_seconds(M: Number, t: Number, N: Number, latency: float) -> Number:  # noqa: N803 - as the literature has it
    """A ring moves every byte twice, but its own share, and takes its least time."""
    return maximum(2 * M * (t - 1) / t / N, latency)
