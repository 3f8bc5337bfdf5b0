"""The settings nearest to an inference plan that does not fit, with which it would."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from attrs import evolve

from llmplan.errors import BadInputError
from llmplan.planner.inference import infer
from llmplan.records import InferenceEstimate, Layout, ServerEstimate
from llmplan.requests import LOADS, SERVER_OPTIONS, InferRequest

_MOST_STAGES = 64


def nearest_that_fit(request: InferRequest, estimate: InferenceEstimate | ServerEstimate) -> tuple[str, ...]:
    """A smaller batch, and the least tensor or pipeline parallelism beyond that of the plan; none if nothing does."""
    found = []
    batch = 0 if isinstance(estimate, ServerEstimate) else int(estimate.max_batch_size)
    if batch:
        found.append(f"--batch {batch}")
    alone = evolve(request, **dict.fromkeys((*LOADS, *SERVER_OPTIONS, "gpus", "max_batch", "max_context")))
    if isinstance(estimate, ServerEstimate):
        alone = evolve(alone, batch=1)
    for sizes in _more(estimate.plan.layout, estimate.plan.hardware.scale_up_domain):
        if _fits(alone, sizes):
            return (*found, " ".join(f"--{name} {size}" for name, size in sizes.items()))
    return tuple(found)


def _more(layout: Layout, domain: int) -> Iterator[dict[str, int]]:
    """More tensor parallelism inside the domain, then as much of it as there is in a longer pipeline."""
    tp, pp, dp = int(layout.tp), int(layout.pp), int(layout.dp)
    while 2 * tp <= domain:
        tp *= 2
        yield {"tp": tp, "pp": pp, "dp": dp}
    while 2 * pp <= _MOST_STAGES:
        pp *= 2
        yield {"tp": tp, "pp": pp, "dp": dp}


def _fits(request: InferRequest, sizes: dict[str, Any]) -> bool:
    try:
        return bool(infer(evolve(request, **sizes)).feasible)
    except BadInputError:
        return False
