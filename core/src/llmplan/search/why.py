"""Why a plan wins: which terms of its time shrank against another plan, and what differs in the layout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from llmplan.records import Recompute, Schedule, TrainingEstimate, TrainingPlan

_SIZES = ("gpus", "tp", "pp", "vpp", "cp", "dp", "ep")
_NOTEWORTHY = 0.001
"""Of the time of the slower plan: what a term has to change by to be named."""


@frozen(eq=False)
class Comparison:
    """The winner against another plan, per token: batches may differ a little."""

    against: str
    """Which plan it is."""
    estimate: TrainingEstimate
    changed: Mapping[str, tuple[Any, Any]]
    """What differs: the other's, the winner's."""
    terms: Mapping[str, float]
    """Seconds of an iteration of the winner's batch that each line of the time breakdown changed by; noteworthy ones,
    the largest first.
    """


def compare(winner: TrainingEstimate, other: TrainingEstimate, against: str) -> Comparison:
    """Term by term, the other's scaled to as many tokens."""
    scale = winner.tokens_per_iteration / other.tokens_per_iteration
    lines = dict.fromkeys((*winner.time_breakdown, *other.time_breakdown))
    terms = {line: winner.time_breakdown.get(line, 0.0) - scale * other.time_breakdown.get(line, 0.0) for line in lines}
    least = _NOTEWORTHY * max(winner.iteration_seconds, scale * other.iteration_seconds)
    noteworthy = sorted((line for line in terms if abs(terms[line]) >= least), key=lambda line: -abs(terms[line]))
    mine, theirs = described(winner.plan), described(other.plan)
    changed = {name: (theirs[name], mine[name]) for name in mine if mine[name] != theirs[name]}
    return Comparison(against, other, changed, {line: terms[line] for line in noteworthy})


def described(plan: TrainingPlan) -> dict[str, Any]:
    """What a search decides on, in the words of options."""
    layout = plan.layout
    waits = (("optimizer", plan.offload_optimizer), ("activations", plan.offload_activations))
    return {
        "model": plan.model.name,
        "gpu": plan.hardware.name,
        "dtype": plan.dtype.name,
        **{name: getattr(layout, name) for name in _SIZES},
        "sequence-parallel": layout.sequence_parallel,
        "zero": layout.zero,
        "zero-group": layout.zero_group,
        "micro-batch": plan.micro_batch,
        "gradient-accumulation": plan.gradient_accumulation,
        "recompute": Recompute(plan.recompute).label,
        "schedule": Schedule(plan.schedule).label,
        "offload": " and ".join(what for what, waiting in waits if waiting) or "none",
    }
