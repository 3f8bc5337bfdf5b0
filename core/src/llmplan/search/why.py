"""Why a plan wins: which terms of its time shrank against another plan, and what differs in the layout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from llmplan.estimate import TrainingEstimate
from llmplan.records import TrainingPlan
from llmplan.space import dimensions

_NOTEWORTHY = 0.001
"""Of the time of the slower plan: what a term has to change by to be named."""


@frozen(eq=False)
class Comparison:
    """The winner against another plan, for as many tokens: batches may differ a little."""

    against: str
    """Which plan it is."""
    estimate: TrainingEstimate
    changed: Mapping[str, tuple[Any, Any]]
    """What differs: the other's, the winner's."""
    terms: Mapping[str, float]
    """By how much each line of the time breakdown changed, the largest first, where it is noteworthy."""
    unit: str
    """Of the terms: ``seconds`` of the winner's iteration, or ``GPU-hours`` of the run where GPUs differ in number."""


def compare(winner: TrainingEstimate, other: TrainingEstimate, against: str) -> Comparison:
    """Compare the winner with another plan, term by term."""
    alike = winner.plan.layout.gpus == other.plan.layout.gpus
    mine_times = 1.0 if alike else _gpu_hours_a_second(winner)
    its_times = winner.tokens_per_iteration / other.tokens_per_iteration if alike else _gpu_hours_a_second(other)
    mine, its = winner.time_breakdown, other.time_breakdown
    terms = {
        line: mine_times * mine.get(line, 0.0) - its_times * its.get(line, 0.0) for line in dict.fromkeys((*mine, *its))
    }
    least = _NOTEWORTHY * max(mine_times * winner.iteration_seconds, its_times * other.iteration_seconds)
    noteworthy = sorted((line for line in terms if abs(terms[line]) >= least), key=lambda line: -abs(terms[line]))
    now, before = described(winner.plan), described(other.plan)
    return Comparison(
        against=against,
        estimate=other,
        changed={name: (before[name], now[name]) for name in now if now[name] != before[name]},
        terms={line: terms[line] for line in noteworthy},
        unit="seconds" if alike else "GPU-hours",
    )


def _gpu_hours_a_second(estimate: TrainingEstimate) -> float:
    """Of the run, for each second of an iteration."""
    return estimate.gpu_hours / estimate.iteration_seconds


def described(plan: TrainingPlan) -> dict[str, Any]:
    """What a search decides on, in the words of options."""
    records = {"model": plan.model.name, "gpu": plan.hardware.name, "dtype": plan.dtype.name}
    return {**records, **dimensions.described(plan)}
