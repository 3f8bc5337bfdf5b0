"""A static batch: fill in what the request leaves open, check it, price it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import evolve

from llmplan.errors import BadInputError
from llmplan.estimate import InferenceEstimate
from llmplan.records import InferencePlan
from llmplan.records.plan import CONFIDENCE
from llmplan.request import InferRequest
from llmplan.request.latencies import latency_limits
from llmplan.space.asked import asking, inferred, remarks_on, words_against
from llmplan.space.choice import Choice
from llmplan.space.inference_plan import make_inference_plan
from llmplan.space.kept import exceeded
from llmplan.space.server_sizes import (
    SIZES,
    Given,
    ReplicaSizes,
    fixed_request,
    further_pipelines,
    given_sizes,
    numbers_of_groups,
    pipelines,
    usual_sizes,
)


def price_batch(request: InferRequest, choice: Choice) -> InferenceEstimate:
    """A static batch: on the sizes that the request gives, or on the smallest replica that holds it and keeps to the
    latencies that are asked for.
    """
    if request.max_batch and request.max_context:
        raise BadInputError("max-batch: contradicts max-context; give one of them")
    fixed = fixed_request(request, choice.model)
    if fixed is not None:
        return _price(fixed, choice)
    least = _least(request)
    chosen = _smallest(request, choice, least)
    found = chosen if least is request else _price(_on(request, chosen), choice)
    return assume(found, _said(found, request, fits=bool(chosen.fits)))


def _on(request: InferRequest, estimate: InferenceEstimate) -> InferRequest:
    """The request with the sizes of an estimate's plan."""
    sizes: dict[str, Any] = {name: int(getattr(estimate.plan.layout, name)) for name in SIZES}
    return evolve(request, gpus=None, **sizes)


def _smallest(request: InferRequest, choice: Choice, least: InferRequest) -> InferenceEstimate:
    """Of all layouts that hold the batch with headroom the one that is best by `_order`; else the nearest to it.

    Sizes that cannot be priced are passed over; BadInputError where that is all of them.
    """
    given, limited = given_sizes(request), bool(latency_limits(request))
    known: dict[tuple[ReplicaSizes, int], InferenceEstimate | None] = {}
    refused: list[BadInputError] = []

    def priced(sizes: ReplicaSizes, groups: int) -> InferenceEstimate | None:
        key = sizes, groups
        if key not in known:
            try:
                known[key] = _price_all_given(evolve(least, gpus=None, **sizes.times(groups)), choice)
            except BadInputError as error:
                refused.append(error)
                known[key] = None
        return known[key]

    def fits(sizes: ReplicaSizes) -> bool:
        numbers = numbers_of_groups(sizes, given) or (1,)
        estimate = priced(sizes, numbers[0])
        return estimate is not None and bool(estimate.fits)

    def late(estimate: InferenceEstimate) -> float:
        if not limited:
            return 1.0
        return exceeded(estimate if least is request else _price(_on(request, estimate), choice), request)

    every: list[InferenceEstimate] = []
    for listed in (pipelines, further_pipelines):
        found = [
            (estimate, sizes, groups)
            for sizes in usual_sizes(listed(choice.model, choice.hardware, given), given, fits)
            for groups in _groups(sizes, given)
            if (estimate := priced(sizes, groups)) is not None
        ]
        roomy = [each for each in found if each[0].has_headroom]
        if roomy:
            sure = CONFIDENCE if request.confidence is None else request.confidence
            return min(roomy, key=lambda each: (late(each[0]), *_order(each, sure)))[0]
        every += [each[0] for each in found]
    if not every:
        raise refused[0] if refused else BadInputError("gpus: no layout divides them as the other options ask")
    return min(every, key=lambda estimate: estimate.memory_bytes_per_gpu)


def _groups(sizes: ReplicaSizes, given: Given) -> Sequence[int]:
    """One group of replicas where their number is open."""
    numbers = numbers_of_groups(sizes, given)
    return (1,) if numbers is None else numbers


def _order(found: tuple[InferenceEstimate, ReplicaSizes, int], confidence: float) -> tuple[bool, int, int, float]:
    """What the cost model warns of comes last; then the fewest GPUs, the smallest replicas, the fastest answers that
    one can count on.
    """
    estimate, sizes, groups = found
    spread = estimate.measured(1)
    doubt = 1.0 if spread is None else float(spread.upper(confidence))
    return bool(estimate.plan.layout_warnings), sizes.gpus * groups, sizes.gpus, float(estimate.total_seconds) * doubt


def _said(estimate: InferenceEstimate, request: InferRequest, *, fits: bool) -> str:
    """What was chosen for the sizes that the request leaves open, and why."""
    layout = estimate.plan.layout
    names = [name for name in SIZES if getattr(request, name) is None]
    chosen = " ".join(f"{name} {getattr(layout, name)}" for name in names if name != "ep" or layout.ep > 1)
    why = "the smallest sizes that fit into memory" if fits else "nothing fits, this comes nearest"
    if fits and latency_limits(request):
        why += " and keep to the latencies"
        if exceeded(estimate, request) > 1.0:
            why = "of what fits, none keeps to the latencies, this comes nearest"
    return f"{chosen}: {why}" if chosen else why


def _least(request: InferRequest) -> InferRequest:
    """What has to fit before memory is filled: one sequence, or prompts of one token."""
    if request.max_batch:
        return evolve(request, max_batch=None, batch=1)
    return evolve(request, max_context=None, prompt_tokens=1) if request.max_context else request


def _price(request: InferRequest, choice: Choice) -> InferenceEstimate:
    """Of the batch, or of the prompts, that fill the memory, where the request asks for that."""
    if request.max_batch:
        return _largest_batch(request, choice)
    if request.max_context:
        return _longest_prompts(request, choice)
    return _price_all_given(request, choice)


def _price_all_given(request: InferRequest, choice: Choice) -> InferenceEstimate:
    return inferred(choice.cost_model, checked_plan(request, choice))


def checked_plan(request: InferRequest, choice: Choice) -> InferencePlan:
    """With what the cost model has to say; BadInputError where it cannot price it."""
    plan = make_inference_plan(request, choice)
    against, remarks = words_against(choice.cost_model, plan), remarks_on(choice.cost_model, plan)
    return evolve(plan, layout_warnings=against, warnings=(*plan.warnings, *remarks))


def _largest_batch(request: InferRequest, choice: Choice) -> InferenceEstimate:
    """As many sequences of these lengths as fit; one, which does not, where none does."""
    if request.batch is not None:
        raise BadInputError(f"max-batch: contradicts batch {request.batch}; give one of them")
    alone = _price_all_given(evolve(request, batch=1), choice)
    most = int(alone.max_batch_size)
    if most <= 1:
        return alone
    return assume(_price_all_given(evolve(request, batch=most), choice), f"batch {most:,}: the largest that fits")


def _longest_prompts(request: InferRequest, choice: Choice) -> InferenceEstimate:
    """Prompts as long as fit at this batch, answers of the given length behind them."""
    if request.prompt_tokens is not None:
        raise BadInputError(f"max-context: contradicts prompt-tokens {request.prompt_tokens}; give one of them")
    short = _price_all_given(evolve(request, prompt_tokens=1), choice)
    if short.longest_context is None:
        raise BadInputError(f"max-context: the cost model {choice.cost_model.name} does not say what fits")
    with asking(choice.cost_model):
        context = short.longest_context(short.plan)
    prompt = int(context - short.plan.output_tokens)
    if prompt <= 1:
        return short
    longest = _price_all_given(evolve(request, prompt_tokens=prompt), choice)
    return assume(longest, f"prompt-tokens {prompt:,}: the most that fit")


def assume(estimate: InferenceEstimate, said: str) -> InferenceEstimate:
    """The estimate with more to say, before all else."""
    return evolve(estimate, plan=evolve(estimate.plan, assumptions=(said, *estimate.plan.assumptions)))
