"""Why a plan wins: what it does otherwise, what held the other back, and where a token's GPU time went."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from llmplan.arrays.quantities import total
from llmplan.estimate import ServerEstimate
from llmplan.output.plan_words import server_words
from llmplan_serving_load.search.confirming import Confirmed
from llmplan_serving_load.search.limits import Limits, times_as_long
from llmplan_serving_load.search.ranking import OBJECTIVES

_NOTEWORTHY = 0.01
"""Of the GPU time of a token: what a term has to change by to be named."""
_NEAR = 0.9
"""Of a limit, from where on it is what holds a plan back."""
_ROOM = ("kv", "max-sequences")
"""Limits of the number of sequences, which are reached where there is no room for one more."""


@frozen(eq=False)
class Reason:
    """What the winner does better than another plan, and why."""

    against: str
    estimate: ServerEstimate
    better: float
    """By what share of the other's figure, the objective's."""
    changed: Mapping[str, tuple[Any, Any]]
    """What differs: the other's, the winner's."""
    terms: Mapping[str, float]
    """GPU-seconds of an output token that each line changed by; noteworthy ones, the largest first."""
    held_back: str | None
    """What keeps the other from a heavier load: a latency, --concurrency, or the limit of its capacity."""
    unit: str = "GPU-seconds of an output token"
    """Of the terms."""


def reasons(best: list[Confirmed], limits: Limits, objective: str) -> tuple[Reason, ...]:
    """Against the runner-up, and against the plan on the fewest GPUs."""
    if len(best) <= 1:
        return ()
    fewest = min(best, key=lambda one: one.estimate.server.gpus)
    others = {"the runner-up": best[1]}
    if fewest not in best[:2]:
        others["the plan on the fewest GPUs"] = fewest
    return tuple(_reason(best[0], other, against, limits, objective) for against, other in others.items())


def _reason(winner: Confirmed, other: Confirmed, against: str, limits: Limits, objective: str) -> Reason:
    mine, theirs = gpu_seconds(winner), gpu_seconds(other)
    moved = {line: mine.get(line, 0.0) - theirs.get(line, 0.0) for line in dict.fromkeys((*mine, *theirs))}
    least = _NOTEWORTHY * max(total(mine.values()), total(theirs.values()))
    noteworthy = sorted((line for line in moved if abs(moved[line]) >= least), key=lambda line: -abs(moved[line]))
    value = OBJECTIVES[objective]
    own, its = abs(value(winner.estimate)), abs(value(other.estimate))
    before, after = server_words(other.estimate), server_words(winner.estimate)
    return Reason(
        against=against,
        estimate=other.estimate,
        better=abs(own - its) / its,
        changed={name: (before[name], after[name]) for name in after if before[name] != after[name]},
        terms={line: moved[line] for line in noteworthy},
        held_back=held_back(other, limits),
    )


def gpu_seconds(plan: Confirmed) -> dict[str, float]:
    """Of all GPUs for one output token: for prompts, by line for decoding steps, and idle."""
    estimate, means = plan.estimate, plan.means
    whole = estimate.server.gpus / (means.requests_per_second * estimate.mean_lengths[1])
    decoding = whole * means.busy_share * (1.0 - means.prefill_share)
    lines = estimate.decode.decode_breakdown
    of_step = total(lines.values())
    return {
        "prompts": whole * means.busy_share * means.prefill_share,
        **{line: decoding * seconds / of_step for line, seconds in lines.items()},
        "idle": whole * (1.0 - means.busy_share),
    }


def held_back(plan: Confirmed, limits: Limits) -> str | None:
    """The latency that is near its limit; or else what keeps users from being more; None where the load is given."""
    measured = times_as_long(limits.measured(plan.point.means, plan.estimate.simulated), plan.point.longer)
    shares = {name: (measured[name] or 0.0) / limit for name, limit in limits.of.items()}
    nearest = max(shares, key=lambda name: shares[name], default="")
    if nearest and shares[nearest] >= _NEAR:
        return nearest
    if plan.point.users is None:
        return None
    given = plan.point.case.users
    if given is not None:
        return "concurrency" if plan.point.users == given[-1] else None
    return _full(plan)


def _full(plan: Confirmed) -> str | None:
    """The limit of the capacity, where it is reached: as many users as have room, or nearly as much as it answers."""
    capacity, users = plan.estimate.capacity, plan.point.users or 0
    if capacity is None:
        return None
    full = users >= capacity.sequences * plan.point.dp
    near = plan.point.means.requests_per_second >= _NEAR * capacity.requests_per_second
    return capacity.limit if full or (near and capacity.limit not in _ROOM) else None
