"""Choosing tensor, pipeline and data parallel sizes where the user leaves them open."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any, TypeVar

from attrs import frozen

from llmplan.errors import BadInputError
from llmplan.estimate import InferenceEstimate, TrainingEstimate
from llmplan.records import Layout
from llmplan.request import InferRequest, TrainRequest
from llmplan.space.choice import Choice

E = TypeVar("E", TrainingEstimate, InferenceEstimate)


_WORD_COSTS = 1.02
"""Times longer that a layout counts which the cost model has a word against."""


@frozen(eq=False, repr=False)
class Sizes:
    """How many ways each kind of parallelism divides the work."""

    tp: int
    pp: int
    dp: int
    cp: int = 1

    @property
    def gpus(self) -> int:
        """The product tp x cp x pp x dp."""
        return self.tp * self.cp * self.pp * self.dp


def fixed_sizes(request: TrainRequest | InferRequest, choice: Choice) -> Sizes | None:
    """The sizes where the request leaves nothing open, checked; else None."""
    tp, pp, dp, gpus, cp = request.tp, request.pp, request.dp, request.gpus, context_parallel(request)
    layers = choice.model.layers
    if pp is not None and pp > layers:
        raise BadInputError(f"pp: {pp} is more than the {layers} layers of {choice.model.name}")
    known = (tp or 1) * cp * (pp or 1) * (dp or 1)
    if gpus is not None and gpus % known:
        sizes = (("tp", tp), ("cp", cp if cp > 1 else None), ("pp", pp), ("dp", dp))
        terms = [f"{name} {size}" for name, size in sizes if size is not None]
        below, above = gpus // known * known, (gpus // known + 1) * known
        near = f"{below} or {above}" if below else f"{above}"
        product_of = f"{' x '.join(terms)} = {known}" if len(terms) > 1 else terms[0]
        raise BadInputError(f"gpus: {gpus} is not divisible by {product_of}; {near} would be")
    if tp is None or pp is None or (dp is None and gpus is None):
        return None
    if gpus is not None and dp is not None and known != gpus:
        with_cp = f" x cp {cp}" if cp > 1 else ""
        raise BadInputError(f"gpus: {gpus} contradicts tp {tp}{with_cp} x pp {pp} x dp {dp} = {known}")
    return Sizes(tp, pp, dp if dp is not None else (gpus or 1) // known, cp)


def context_parallel(request: TrainRequest | InferRequest) -> int:
    """As given, else 1; inference has none."""
    return getattr(request, "cp", None) or 1


def candidates(request: TrainRequest | InferRequest, choice: Choice, gpus: int | None) -> Iterator[Sizes]:
    """Legal sizes on so many GPUs (or on as few as it takes); tensor parallelism stays inside the scale-up domain.

    Training takes the least model parallelism first, among equals the shorter pipeline; inference the shorter pipeline,
    which every token has to pass.
    """
    layers = choice.model.layers
    tps = [request.tp] if request.tp else _powers_of_two(choice.hardware.scale_up_domain)
    pps = [request.pp] if request.pp else range(1, layers + 1)
    shortest_first = isinstance(request, InferRequest)
    cp = context_parallel(request)
    for pp, tp in sorted(product(pps, tps), key=lambda size: size if shortest_first else (size[0] * size[1], size[0])):
        ranks = tp * cp * pp
        if gpus is None:
            yield Sizes(tp, pp, request.dp or 1, cp)
        elif gpus % ranks == 0 and request.dp in (None, gpus // ranks):
            yield Sizes(tp, pp, gpus // ranks, cp)


def _powers_of_two(limit: int) -> list[int]:
    return [1 << exponent for exponent in range(limit.bit_length())]


def best_that_fits(sizes: Iterator[Sizes], price: Callable[[Sizes], E], cost: Callable[[E], float] | None = None) -> E:
    """Of the estimates that fit with headroom the one that costs least, a word against its layout counting as 2 % more.

    Without a cost the first without such a word, failing that the first. Where none has headroom the one nearest to it.
    Sizes that cannot be priced are passed over; BadInputError where that is all of them.
    """
    best: E | None = None
    second_best: E | None = None
    refused: BadInputError | None = None

    def compared(estimate: E) -> float:
        worded = _WORD_COSTS if estimate.plan.layout_warnings else 1.0
        return worded if cost is None else worded * cost(estimate)

    for size in sizes:
        try:
            estimate = price(size)
        except BadInputError as error:
            refused = refused or error
            continue
        if estimate.has_headroom:
            best = estimate if best is None or compared(estimate) < compared(best) else best
            if cost is None and not estimate.plan.layout_warnings:
                return estimate
        elif second_best is None or _is_nearer(estimate, second_best):
            second_best = estimate
    found = second_best if best is None else best
    if found is None:
        raise refused or BadInputError("gpus: no layout divides them as the other options ask")
    return found


def _is_nearer(estimate: E, best: E) -> bool:
    """To headroom; of two that have it, the earlier stays."""
    return not best.has_headroom and estimate.memory_bytes_per_gpu < best.memory_bytes_per_gpu


def say_why(estimate: TrainingEstimate | InferenceEstimate, request: TrainRequest | InferRequest, why: str) -> str:
    """What was chosen for the sizes that the request leaves open, and why."""
    layout = estimate.plan.layout
    chosen = " ".join(
        f"{name} {getattr(layout, name)}" for name in ("tp", "pp", "dp") if getattr(request, name) is None
    )
    why = why if estimate.feasible else "nothing fits, this comes nearest"
    return f"{chosen}: {why}"


def make_layout(sizes: Sizes, **others: Any) -> Layout:
    """The record of a choice of sizes, with the fields of `Layout` that are no sizes."""
    return Layout(gpus=sizes.gpus, tp=sizes.tp, pp=sizes.pp, dp=sizes.dp, cp=sizes.cp, **others)
