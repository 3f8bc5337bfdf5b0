"""A static batch: fill in what the request leaves open, check it, price it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, TypeAlias

from attrs import define, evolve, field

from llmplan.errors import BadInputError
from llmplan.estimate import InferenceEstimate
from llmplan.records import InferencePlan
from llmplan.records.plan import CONFIDENCE
from llmplan.request import InferRequest
from llmplan.request.latencies import latency_limits
from llmplan.space.asked import asking, held, inferred, remarks_on, words_against
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

_Found: TypeAlias = tuple[InferenceEstimate, ReplicaSizes, int]
"""What a layout holds or takes, its sizes, and how many such groups of replicas there are."""


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
    """Of all layouts that hold the batch with headroom the best by size, and of these the fastest; else the nearest.

    Sizes that cannot be priced are passed over; BadInputError where that is all of them.
    """
    layouts, every = _Layouts(request, choice, least), list[InferenceEstimate]()
    for listed in (pipelines, further_pipelines):
        found = layouts.listed(listed(choice.model, choice.hardware, layouts.given))
        roomy = [each for each in found if each[0].has_headroom]
        for alike in _first_of(roomy, all_at_once=bool(latency_limits(request))):
            priced = [(estimate, *each[1:]) for each in alike if (estimate := layouts.priced(each[0])) is not None]
            if priced:
                return min(priced, key=layouts.order)[0]
        every += [each[0] for each in found]
    for nearest in sorted(every, key=lambda estimate: estimate.memory_bytes_per_gpu):
        if (estimate := layouts.priced(nearest)) is not None:
            return estimate
    raise (
        layouts.refused[0]
        if layouts.refused
        else BadInputError("gpus: no layout divides them as the other options ask")
    )


@define(eq=False)
class _Layouts:
    """The layouts of a request whose sizes are open: what each holds, and what it takes where that decides."""

    request: InferRequest
    choice: Choice
    least: InferRequest
    """What has to fit before memory is filled."""
    given: Given = field(init=False)
    refused: list[BadInputError] = field(factory=list)
    _known: dict[tuple[ReplicaSizes, int], InferenceEstimate | None] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.given = given_sizes(self.request)

    def listed(self, pipelines_: Sequence[Sequence[ReplicaSizes]]) -> list[_Found]:
        """All that are looked at and not refused."""
        return [
            (estimate, sizes, groups)
            for sizes in usual_sizes(pipelines_, self.given, self._fits)
            for groups in _groups(sizes, self.given)
            if (estimate := self._held(sizes, groups)) is not None
        ]

    def _fits(self, sizes: ReplicaSizes) -> bool:
        numbers = numbers_of_groups(sizes, self.given) or (1,)
        estimate = self._held(sizes, numbers[0])
        return estimate is not None and bool(estimate.feasible)

    def _held(self, sizes: ReplicaSizes, groups: int) -> InferenceEstimate | None:
        """Its memory; None where it is refused."""
        key = sizes, groups
        if key not in self._known:
            try:
                plan = checked_plan(evolve(self.least, gpus=None, **sizes.times(groups)), self.choice)
                self._known[key] = held(self.choice.cost_model, plan)
            except BadInputError as error:
                self.refused.append(error)
                self._known[key] = None
        return self._known[key]

    def priced(self, estimate: InferenceEstimate) -> InferenceEstimate | None:
        """With its times; None where these are refused."""
        try:
            return inferred(self.choice.cost_model, estimate.plan)
        except BadInputError as error:
            self.refused.append(error)
            return None

    def order(self, found: _Found) -> tuple[float, bool, int, int, float]:
        """What keeps to the latencies comes first, then the best sizes, the fastest answers that one can count on."""
        estimate = found[0]
        sure = CONFIDENCE if self.request.confidence is None else self.request.confidence
        spread = estimate.measured(1)
        doubt = 1.0 if spread is None else float(spread.upper(sure))
        return self._late(estimate), *_size(found), float(estimate.total_seconds) * doubt

    def _late(self, estimate: InferenceEstimate) -> float:
        if not latency_limits(self.request):
            return 1.0
        filled = self.least is not self.request
        return exceeded(_price(_on(self.request, estimate), self.choice) if filled else estimate, self.request)


def _groups(sizes: ReplicaSizes, given: Given) -> Sequence[int]:
    """One group of replicas where their number is open."""
    numbers = numbers_of_groups(sizes, given)
    return (1,) if numbers is None else numbers


def _first_of(found: Sequence[_Found], *, all_at_once: bool) -> Iterator[list[_Found]]:
    """Those among which times decide, the best sizes first; all together where latencies come before sizes."""
    if all_at_once:
        return iter([list(found)])
    return (list(alike) for _, alike in groupby(sorted(found, key=_size), key=_size))


def _size(found: _Found) -> tuple[bool, int, int]:
    """What the cost model warns of comes last; then the fewest GPUs, the smallest replicas."""
    estimate, sizes, groups = found
    return bool(estimate.plan.layout_warnings), sizes.gpus * groups, sizes.gpus


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
