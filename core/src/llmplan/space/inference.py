"""Inference: fill in what the request leaves open, check it, price it."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from llmplan.errors import BadInputError
from llmplan.estimate import InferenceEstimate, ServerEstimate
from llmplan.estimate.server import answering
from llmplan.records import InferencePlan
from llmplan.request import InferRequest, of_server
from llmplan.space.choice import Choice, choose, failing_as
from llmplan.space.inference_plan import make_inference_plan
from llmplan.space.layout import Sizes, best_that_fits, candidates, fixed_sizes, say_why


def infer(request: InferRequest | None = None, **options: Any) -> InferenceEstimate | ServerEstimate:
    """Price a static batch: ``infer(model="llama-65b", gpu="a100-sxm-80gb", tp=2, batch=8)``.

    With a rate, a number of users or a trace it is a server under load, and the estimate a `ServerEstimate`. Takes the
    options of ``llmplan infer`` by name, or an `InferRequest`. Records may stand where names do.
    """
    if request is not None and options:
        raise TypeError(f"options {', '.join(options)} beside a request that has its own")
    request = request or InferRequest(**options)
    if not of_server(request):
        answer: InferenceEstimate = answering(request, _infer_batch(request, choose(request, "infer")))
        return answer
    from llmplan.space.server import check_load, serve

    check_load(request)
    choice = choose(request, "infer")
    loaded: ServerEstimate = answering(request, serve(request, choice, _infer_batch(evolve(request, batch=1), choice)))
    return loaded


def plan_inference(request: InferRequest | None = None, **options: Any) -> InferencePlan:
    """The plan that `infer` prices, everything filled in."""
    return infer(request, **options).plan


def _infer_batch(request: InferRequest, choice: Choice) -> InferenceEstimate:
    if request.max_batch and request.max_context:
        raise BadInputError("max-batch: contradicts max-context; give one of them")
    sizes = fixed_sizes(request, choice)
    if sizes is not None:
        return _price(request, choice, sizes)
    layouts = candidates(request, choice, request.gpus)
    least = _least(request)
    fitting = best_that_fits(layouts, lambda sizes: _price_all_given(least, choice, sizes))
    said = say_why(fitting, request, "the smallest sizes that fit into memory")
    if least is request:
        return _assume(fitting, said)
    layout = fitting.plan.layout
    return _assume(_price(request, choice, Sizes(int(layout.tp), int(layout.pp), int(layout.dp))), said)


def _least(request: InferRequest) -> InferRequest:
    """What has to fit before memory is filled: one sequence, or prompts of one token."""
    if request.max_batch:
        return evolve(request, max_batch=None, batch=1)
    return evolve(request, max_context=None, prompt_tokens=1) if request.max_context else request


def _price(request: InferRequest, choice: Choice, sizes: Sizes) -> InferenceEstimate:
    """Of the batch, or of the prompts, that fill the memory, where the request asks for that."""
    if request.max_batch:
        return _largest_batch(request, choice, sizes)
    if request.max_context:
        return _longest_prompts(request, choice, sizes)
    return _price_all_given(request, choice, sizes)


def _price_all_given(request: InferRequest, choice: Choice, sizes: Sizes) -> InferenceEstimate:
    plan = checked_plan(request, choice, sizes)
    with failing_as(choice.cost_model):
        return choice.cost_model.infer(plan)


def checked_plan(request: InferRequest, choice: Choice, sizes: Sizes) -> InferencePlan:
    """With what the cost model has to say; BadInputError where it cannot price it."""
    plan = make_inference_plan(request, choice, sizes)
    with failing_as(choice.cost_model):
        against = choice.cost_model.check(plan)
        warnings = (*plan.warnings, *choice.cost_model.remarks(plan))
        return evolve(plan, layout_warnings=against, warnings=warnings)


def _largest_batch(request: InferRequest, choice: Choice, sizes: Sizes) -> InferenceEstimate:
    """As many sequences of these lengths as fit; one, which does not, where none does."""
    if request.batch is not None:
        raise BadInputError(f"max-batch: contradicts batch {request.batch}; give one of them")
    alone = _price_all_given(evolve(request, batch=1), choice, sizes)
    most = int(alone.max_batch_size)
    if most <= 1:
        return alone
    return _assume(
        _price_all_given(evolve(request, batch=most), choice, sizes), f"batch {most:,}: the largest that fits"
    )


def _longest_prompts(request: InferRequest, choice: Choice, sizes: Sizes) -> InferenceEstimate:
    """Prompts as long as fit at this batch, answers of the given length behind them."""
    if request.prompt_tokens is not None:
        raise BadInputError(f"max-context: contradicts prompt-tokens {request.prompt_tokens}; give one of them")
    short = _price_all_given(evolve(request, prompt_tokens=1), choice, sizes)
    if short.longest_context is None:
        raise BadInputError(f"max-context: the cost model {choice.cost_model.name} does not say what fits")
    context = short.longest_context(short.plan)
    prompt = int(context - short.plan.output_tokens)
    if prompt <= 1:
        return short
    longest = _price_all_given(evolve(request, prompt_tokens=prompt), choice, sizes)
    return _assume(longest, f"prompt-tokens {prompt:,}: the most that fit")


def _assume(estimate: InferenceEstimate, said: str) -> InferenceEstimate:
    return evolve(estimate, plan=evolve(estimate.plan, assumptions=(said, *estimate.plan.assumptions)))
