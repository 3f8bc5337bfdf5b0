"""The settings nearest to an inference plan that does not fit, with which it would."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from attrs import evolve

from llmplan.errors import BadInputError
from llmplan.estimate import InferenceEstimate, ServerEstimate
from llmplan.records import EngineProfile
from llmplan.request import InferRequest
from llmplan.search.infer import infer

_FEWER = (256, 64, 16)
"""Sequences at once that are tried."""
_MOST_OF_MEMORY = 0.95
"""That people tell an engine to take."""


def nearest_that_fit(request: InferRequest, estimate: InferenceEstimate | ServerEstimate) -> tuple[str, ...]:
    """A smaller batch, and the layout that the same request has where its sizes are open; none if nothing does."""
    if isinstance(estimate, ServerEstimate):
        return tuple(_larger(evolve(request, requests=0), estimate))
    asked = evolve(request, max_batch=None, max_context=None)
    batch = int(estimate.max_batch_size)
    found = [
        *([f"--batch {batch}"] if batch else []),
        *_of_the_engine(asked, estimate.plan.engine),
        *_larger(asked, estimate),
    ]
    return tuple(found or _larger(evolve(asked, batch=1), estimate))


def _of_the_engine(request: InferRequest, engine: EngineProfile) -> Iterator[str]:
    """The setting of an engine that makes it start, where one alone does: fewer sequences to warm up for, or more of
    the memory.
    """
    if not engine.warm_up_bytes:
        return
    fewer = [number for number in _FEWER if number < engine.max_sequences and request.max_sequences is None]
    if fewer and _fitting(evolve(request, max_sequences=fewer[-1])) is not None:  # else no number fits
        fitting = (number for number in fewer if _fitting(evolve(request, max_sequences=number)) is not None)
        yield f"--max-sequences {next(fitting)}"
        return
    if request.memory_utilization is None and _fitting(evolve(request, memory_utilization=_MOST_OF_MEMORY)) is not None:
        yield f"--memory-utilization {_MOST_OF_MEMORY}"


def _larger(request: InferRequest, estimate: InferenceEstimate | ServerEstimate) -> Iterator[str]:
    """Sizes that fit, in options; with as many sequences as fit where one is asked for instead of more."""
    fitting = _fitting(evolve(request, gpus=None, tp=None, pp=None, dp=int(estimate.plan.layout.dp)))
    if fitting is None:
        return
    layout = fitting.plan.layout
    sizes: dict[str, Any] = {name: int(getattr(layout, name)) for name in ("tp", "pp", "dp")}
    if request.ep is None and layout.ep > 1:
        sizes["ep"] = int(layout.ep)
    gpus = {} if request.gpus is None else {"gpus": int(layout.gpus)}
    fewer = {}
    if isinstance(fitting, InferenceEstimate) and isinstance(estimate, InferenceEstimate):
        fewer = {"batch": int(fitting.max_batch_size)} if request.batch == 1 < estimate.plan.batch else {}
    yield " ".join(f"--{name} {size}" for name, size in {**gpus, **sizes, **fewer}.items())


def _fitting(request: InferRequest) -> InferenceEstimate | ServerEstimate | None:
    try:
        estimate = infer(request)
    except BadInputError:
        return None
    return estimate if estimate.fits else None
