"""Inference: fill in what the request leaves open, check it, price it."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from llmplan.catalogues import ENGINES, registry
from llmplan.errors import BadInputError
from llmplan.planner.choice import Choice, choose, default_record, find_record
from llmplan.planner.layout import Sizes, best_that_fits, candidates, fixed_sizes, make_layout, say_why
from llmplan.planner.server import is_loaded, serve
from llmplan.records import EngineProfile, InferenceEstimate, InferencePlan, ServerEstimate
from llmplan.requests import InferRequest

_DEFAULT_PROMPT_TOKENS = 512
_DEFAULT_OUTPUT_TOKENS = 128


def infer(request: InferRequest | None = None, **options: Any) -> InferenceEstimate | ServerEstimate:
    """Price a static batch: ``infer(model="llama-65b", gpu="a100-sxm-80gb", tp=2, batch=8)``.

    With a rate, a number of users or a trace it is a server under load, and the estimate a `ServerEstimate`. Takes the
    options of ``llmplan infer`` by name, or an `InferRequest`. Records may stand where names do.
    """
    if request is not None and options:
        raise TypeError(f"options {', '.join(options)} beside a request that has its own")
    request = request or InferRequest(**options)
    loaded = is_loaded(request)
    choice = choose(request, "infer")
    if not loaded:
        return _infer_batch(request, choice)
    return serve(request, choice, _infer_batch(evolve(request, batch=1), choice))


def plan_inference(request: InferRequest | None = None, **options: Any) -> InferencePlan:
    """The plan that `infer` prices, everything filled in."""
    return infer(request, **options).plan


def _infer_batch(request: InferRequest, choice: Choice) -> InferenceEstimate:
    sizes = fixed_sizes(request, choice)
    if sizes is not None:
        return _price(request, choice, sizes)
    layouts = candidates(request, choice, request.gpus)
    estimate = best_that_fits(layouts, lambda sizes: _price(request, choice, sizes))
    said = say_why(estimate, request, "the smallest sizes that fit into memory")
    return evolve(estimate, plan=evolve(estimate.plan, assumptions=(said, *estimate.plan.assumptions)))


def _price(request: InferRequest, choice: Choice, sizes: Sizes) -> InferenceEstimate:
    plan = _plan(request, choice, sizes)
    against = choice.cost_model.check(plan)
    warnings = (*plan.warnings, *choice.cost_model.remarks(plan))
    return choice.cost_model.infer(evolve(plan, layout_warnings=against, warnings=warnings))


def _plan(request: InferRequest, choice: Choice, sizes: Sizes) -> InferencePlan:
    said = list(choice.assumptions)

    def default(option: str, value: float) -> Any:
        given = getattr(request, option)
        if given is not None:
            return given
        said.append(f"{option.replace('_', '-')} {value:g}")
        return value

    context = choice.model.max_seq_len
    room = context or _DEFAULT_PROMPT_TOKENS + _DEFAULT_OUTPUT_TOKENS
    prompt = default("prompt_tokens", min(_DEFAULT_PROMPT_TOKENS, max(1, room - (request.output_tokens or room // 2))))
    output = default("output_tokens", min(_DEFAULT_OUTPUT_TOKENS, max(1, room - prompt)))
    if context is not None and prompt + output > context:
        lengths = f"output-tokens: {output} with prompt-tokens {prompt}"
        if request.prompt_tokens is not None:
            lengths = f"prompt-tokens: {prompt} with output-tokens {output}"
        raise BadInputError(f"{lengths} is beyond the context of {choice.model.name}, {context}")
    engine = _engine(request, said)
    return InferencePlan(
        **({} if engine is None else {"engine": engine, "cuda_graphs": _graphs(request, engine)}),
        model=choice.model,
        hardware=choice.hardware,
        dtype=choice.dtype,
        gemm=choice.gemm,
        layout=make_layout(sizes, sequence_parallel=bool(request.sequence_parallel), ep=request.ep or 1),
        efficiency=choice.efficiency,
        cost_model=choice.cost_model.name,
        batch=default("batch", 1),
        prompt_tokens=prompt,
        output_tokens=output,
        kv_bits=default("kv_bits", choice.dtype.kv_bits or choice.dtype.activation_bits),
        price_per_gpu_hour=request.price_per_gpu_hour,
        assumptions=tuple(said),
        warnings=choice.warnings,
    )


def _engine(request: InferRequest, said: list[str]) -> EngineProfile | None:
    """As named, else the default; None where no plugin offers any, which leaves the plan's own."""
    if request.engine is None and not registry().engines:
        return None
    if request.engine is not None:
        named: EngineProfile = find_record(request.engine, "engine", ENGINES)
        return named
    engine: EngineProfile = default_record(registry().engines, "engine")
    said.append(f"engine {engine.name}: {engine.description}")
    return engine


def _graphs(request: InferRequest, engine: EngineProfile) -> bool:
    return engine.cuda_graphs if request.cuda_graphs is None else request.cuda_graphs
