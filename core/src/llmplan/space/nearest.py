"""The settings nearest to an inference plan that does not fit, with which it would."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from attrs import evolve

from llmplan.errors import BadInputError
from llmplan.estimate import InferenceEstimate, ServerEstimate
from llmplan.records import Layout
from llmplan.request import InferRequest
from llmplan.space.inference import infer

_MOST_STAGES = 64
_WIDEST = 8
"""Ranks that share a tensor where the scale-up domain is smaller, as the last resort."""


def nearest_that_fit(request: InferRequest, estimate: InferenceEstimate | ServerEstimate) -> tuple[str, ...]:
    """A smaller batch, and the least tensor or pipeline parallelism beyond that of the plan; none if nothing does."""
    if isinstance(estimate, ServerEstimate):
        return tuple(_larger(evolve(request, requests=0), estimate))
    asked = evolve(request, max_batch=None, max_context=None)
    batch = int(estimate.max_batch_size)
    found = [*([f"--batch {batch}"] if batch else []), *_larger(asked, estimate)]
    return tuple(found or _larger(evolve(asked, batch=1), estimate))


def _larger(request: InferRequest, estimate: InferenceEstimate | ServerEstimate) -> Iterator[str]:
    """The first sizes that fit, in options; with as many sequences as fit where one is asked for instead of more."""
    for sizes in _more(estimate.plan.layout, estimate.plan.hardware.scale_up_domain):
        fitting = _fitting(evolve(request, gpus=None, **sizes))
        if fitting is None:
            continue
        gpus = {} if request.gpus is None else {"gpus": math.prod(sizes.values())}
        fewer = {"batch": int(fitting.max_batch_size)} if request.batch == 1 < estimate.plan.batch else {}
        yield " ".join(f"--{name} {size}" for name, size in {**gpus, **sizes, **fewer}.items())
        return


def _more(layout: Layout, domain: int) -> Iterator[dict[str, Any]]:
    """More tensor parallelism inside the domain, then as much of it as there is in longer pipelines; at last beyond."""
    tp, pp, dp = int(layout.tp), int(layout.pp), int(layout.dp)
    yield from ({"tp": more, "pp": pp, "dp": dp} for more in _doubled(tp, domain))
    inside = max([tp, *_doubled(tp, domain)])
    for wide in (inside, *_doubled(inside, _WIDEST)):
        longer = _doubled(pp, _MOST_STAGES)
        yield from ({"tp": wide, "pp": long, "dp": dp} for long in ([pp, *longer] if wide > inside else longer))


def _doubled(size: int, most: int) -> list[int]:
    """From twice the size on."""
    return [size << power for power in range(1, most.bit_length()) if size << power <= most]


def _fitting(request: InferRequest) -> InferenceEstimate | ServerEstimate | None:
    try:
        estimate = infer(request)
    except BadInputError:
        return None
    fits = estimate.fits if isinstance(estimate, ServerEstimate) else estimate.feasible
    return estimate if fits else None
