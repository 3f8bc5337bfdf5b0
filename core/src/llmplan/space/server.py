"""Servers under load: fill in what the request leaves open, check it, price it."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from llmplan.catalogues import MODELS, SERVER_MODELS, registry
from llmplan.catalogues.guard import Guard
from llmplan.errors import BadInputError
from llmplan.estimate import ServerEstimate, ServerModel
from llmplan.records import (
    USUAL,
    EngineProfile,
    InferencePlan,
    Lengths,
    ModelArchitecture,
    Request,
    ServerPlan,
    Speculation,
    Workload,
)
from llmplan.request import LOADS, SERVER_OPTIONS, InferRequest, option_name
from llmplan.request.latencies import MEAN
from llmplan.space.asked import AskedPasses, StepsOf, served
from llmplan.space.choice import Choice, default_record, find_record

_ITS_OWN = "mtp"
"""In place of the name of a draft: what the model itself was trained with."""
_DEFAULT_REQUESTS = 2000
_REQUESTS_OF_A_USER = 4


def check_load(request: InferRequest) -> None:
    """BadInputError unless the request has one load, and nothing that contradicts it."""
    loads = [name for name in LOADS if getattr(request, name) is not None]
    if not loads:
        given = next(name for name in SERVER_OPTIONS if getattr(request, name) is not None)
        raise BadInputError(f"{option_name(given)}: means something under a load: give rate, concurrency or trace")
    if len(loads) > 1:
        raise BadInputError(f"{loads[0]}: contradicts {loads[1]}; give one")
    if request.gpus is not None and request.prefill_replicas is not None:
        raise BadInputError(
            f"gpus: {request.gpus} beside prefill-replicas {request.prefill_replicas} leaves open which pool they are "
            "in; give dp, the replicas that decode, in place of gpus"
        )
    for name in ("batch", "max_batch", "max_context"):
        if getattr(request, name):
            raise BadInputError(f"{option_name(name)}: contradicts {loads[0]}: a loaded server makes its own batches")


def serve(request: InferRequest, choice: Choice, plan: InferencePlan) -> ServerEstimate:
    """Price a load on the replicas of a plan."""
    model, steps = server_model_of(request, load_of(request)), steps_of(choice, load_of(request))
    return served(model, server_plan(request, choice, plan), steps, choice.cost_model)


def load_of(request: InferRequest) -> str:
    """The option that is its load."""
    return next(name for name in LOADS if getattr(request, name) is not None)


def server_model_of(request: InferRequest, asked: str) -> ServerModel:
    """The one that is named, or that is meant where none is; BadInputError, which names what was asked, without any."""
    catalogue = registry().server_models
    if not catalogue and request.server_model is None:
        raise BadInputError(f"{asked}: a load needs a server model: pip install llmplan-serving-load")
    named = request.server_model
    model: ServerModel = (
        default_record(catalogue, "server-model")
        if named is None
        else find_record(named, "server-model", SERVER_MODELS)
    )
    return model


def steps_of(choice: Choice, asked: str) -> StepsOf:
    """What prices the steps of a server; BadInputError, which names what was asked, where the cost model does not."""
    cost_model = choice.cost_model
    pricer: StepsOf | None = getattr(cost_model, "serving", None)
    if pricer is None:
        raise BadInputError(f"{asked}: the cost model {cost_model.name} prices no server under load")
    return AskedPasses(cost_model, pricer)


def server_plan(request: InferRequest, choice: Choice, plan: InferencePlan) -> ServerPlan:
    """The load of a request on the replicas of a plan, each default said."""
    said: list[str] = []

    def default(option: str, value: Any, words: str) -> Any:
        given = getattr(request, option)
        if given is not None:
            return given
        said.append(words)
        return value

    engine, speculation = plan.engine, _speculation(request, plan)
    workload, pool = _workload(request, choice, plan, said), _prefill_pool(request, choice, plan)
    chunked = default(
        "chunked_prefill",
        engine.chunked_prefill,
        "prompts are cut to fill steps beside what decodes" if engine.chunked_prefill else "prompts go first, whole",
    )
    most = default("max_sequences", engine.max_sequences, f"max-sequences {engine.max_sequences:,}, as {engine.name}")
    step_tokens = default("step_tokens", *_step_tokens(engine, workload, most * _positions(speculation)))
    _check_steps(step_tokens, most, speculation, plan, chunked=chunked)
    against = () if pool is None else tuple(f"prefill: {words}" for words in pool.layout_warnings)
    said += _always_assumed(request, plan)
    return ServerPlan(
        plan=evolve(plan, assumptions=(*plan.assumptions, *said), warnings=(*plan.warnings, *against)),
        prefill_pool=pool,
        workload=workload,
        step_tokens=step_tokens,
        chunked=chunked,
        max_sequences=most,
        prefix_hit_rate=request.prefix_hit_rate or 0.0,
        speculation=speculation,
    )


def _step_tokens(engine: EngineProfile, workload: Workload, decoding: int) -> tuple[int, str]:
    """Of a step at most, and why: no more than comes at once where an engine reads prompts whole."""
    least = max(workload.longest[0], decoding)
    of_what = "the longest prompt" if least > decoding else "all that decodes at once"
    if engine.chunked_prefill or engine.step_tokens <= least:
        return engine.step_tokens, f"step-tokens {engine.step_tokens:,}, as {engine.name}"
    return least, f"step-tokens {least:,}: {of_what}, as {engine.name} reads prompts whole"


def _always_assumed(request: InferRequest, plan: InferencePlan) -> list[str]:
    """What is modelled in one way only."""
    said = ["first come, first served; a request starts when there is room in the cache for its whole answer"]
    if request.server_model is not None:
        model = server_model_of(request, "server-model")
        said.append(f"server model {model.name}: {model.description}")
    if plan.layout.dp > 1 or (request.prefill_replicas or 1) > 1:
        said.append("requests go to replicas at random" if request.concurrency is None else "users stay with a replica")
    if plan.layout.pp > 1:
        said.append(f"the {plan.layout.pp} batches in flight advance in rounds")
    if request.prefix_hit_rate:
        said.append("cached prompt tokens take no time to read, and as much cache as others")
    if request.speculative_tokens and request.draft_model is None:
        said.append("proposing tokens costs nothing: no draft-model given")
    return said


def _workload(request: InferRequest, choice: Choice, plan: InferencePlan, said: list[str]) -> Workload:
    trace: tuple[Request, ...] = ()
    context = choice.model.max_seq_len
    if request.trace is not None:
        for name in ("prompt_tokens", "output_tokens", "prompt_lengths", "output_lengths", "requests"):
            if getattr(request, name) is not None:
                raise BadInputError(f"{option_name(name)}: contradicts trace, which has lengths of its own")
        trace = _trace(request, context)
    requests = request.requests
    if requests is None:
        requests = usual_requests(request.concurrency)
        if not trace:
            said.append(f"{requests:,} requests simulated, seed {request.seed or 0}")
    if request.rate is not None:
        said.append("requests come at random (a Poisson process)")
    if request.peak is not None and request.rate is None:
        raise BadInputError(
            "peak: goes with a rate; give users at the peak as concurrency; a trace has peaks of its own"
        )
    if request.percentile not in (None, MEAN) and requests == 0:
        raise BadInputError("percentile: is what a simulation counts, and requests 0 asks for none")
    prompt, output = _lengths(request, plan, said)
    if (request.concurrency or 1) > 1 and not (prompt.varies or output.varies):
        said.append("requests are all alike: users who ask again at once keep in step with one another for ever")
    return Workload(
        rate=None if request.rate is None else request.rate * (request.peak or 1.0),
        peak=request.peak or 1.0,
        concurrency=request.concurrency,
        trace=trace,
        trace_name=request.trace or "",
        prompt=prompt,
        output=output,
        context=context,
        requests=len(trace) or requests,
        seed=request.seed or 0,
    )


def _trace(request: InferRequest, context: int | None) -> tuple[Request, ...]:
    """Read by the server model, or by the first installed one that reads traces."""
    models: list[Any] = [server_model_of(request, "trace"), *registry().server_models.values()]
    reading = next((model for model in models if hasattr(model, "read_trace")), None)
    if reading is None:
        raise BadInputError("trace: no server model that reads one is installed: pip install llmplan-serving-load")
    with Guard(SERVER_MODELS, reading.name):
        return tuple(reading.read_trace(request.trace, context))


def usual_requests(users: int | None) -> int:
    """That a simulation of `infer` counts where nothing is said."""
    return max(_DEFAULT_REQUESTS, _REQUESTS_OF_A_USER * (users or 0))


def _lengths(request: InferRequest, plan: InferencePlan, said: list[str]) -> tuple[Lengths, Lengths]:
    """Of prompts and answers; within some of their mean where nothing is said: users who ask alike keep in step."""
    found, usual = [], []
    for what in ("prompt", "output"):
        mean, varied = int(getattr(plan, f"{what}_tokens")), getattr(request, f"{what}_lengths")
        if varied is None and mean > 1 and request.trace is None:
            varied = USUAL
            usual.append(f"{what}-lengths")
        found.append(Lengths(mean) if varied is None else Lengths(mean, varied.family, varied.cv))
    if usual:
        said.append(f"{' and '.join(usual)} {USUAL.label}: within 20 %, as serving benchmarks draw them")
    prompt, output = found
    return prompt, output


def _speculation(request: InferRequest, plan: InferencePlan) -> Speculation | None:
    names = ("speculative_tokens", "acceptance_rate")
    given = [name for name in (*names, "draft_model") if getattr(request, name) is not None]
    if not given:
        return None
    for name in names:
        if name not in given:
            raise BadInputError(f"{option_name(given[0])}: needs {option_name(name)} too")
    draft = None
    if request.draft_model is not None:
        model = _draft_of(plan.model, request.draft_model)
        if plan.layout.pp > model.layers:
            raise BadInputError(f"draft-model: {model.name} has {model.layers} layers, fewer than pp {plan.layout.pp}")
        draft = evolve(plan, model=model)
    return Speculation(
        draft_tokens=request.speculative_tokens or 0, acceptance_rate=request.acceptance_rate or 0.0, draft=draft
    )


def _draft_of(model: ModelArchitecture, draft: Any) -> ModelArchitecture:
    """A model of its own, or what this one was trained with to predict further tokens."""
    if draft != _ITS_OWN:
        found: ModelArchitecture = find_record(draft, "draft-model", MODELS)
        return found
    own: ModelArchitecture | None = getattr(model, "draft", None)
    if own is None:
        raise BadInputError(f"draft-model: {_ITS_OWN}: {model.name} has no layers for multi-token prediction")
    return own


def _prefill_pool(request: InferRequest, choice: Choice, plan: InferencePlan) -> InferencePlan | None:
    """Replicas like the others, unless told otherwise."""
    if request.prefill_replicas is None:
        for name in ("prefill_tp", "prefill_pp"):
            if getattr(request, name) is not None:
                raise BadInputError(f"{option_name(name)}: needs prefill-replicas too")
        return None
    layout = plan.layout
    pp = request.prefill_pp or int(layout.pp)
    if pp > choice.model.layers:
        raise BadInputError(f"prefill-pp: {pp} is more than the {choice.model.layers} layers of {choice.model.name}")
    tp, dp = request.prefill_tp or int(layout.tp), request.prefill_replicas
    pool = evolve(plan, layout=evolve(layout, gpus=tp * pp * dp, tp=tp, pp=pp, dp=dp))
    return evolve(pool, layout_warnings=choice.cost_model.check(pool))


def _positions(speculation: Speculation | None) -> int:
    """That a decoding sequence takes of a step."""
    return 1 if speculation is None else 1 + speculation.draft_tokens


def _check_steps(
    step_tokens: int, most: int, speculation: Speculation | None, plan: InferencePlan, *, chunked: bool
) -> None:
    """A step has to hold all that decodes, and part of a prompt."""
    positions = _positions(speculation)
    needed = -(-most // int(plan.layout.pp)) * positions
    if chunked and needed >= step_tokens:
        of_each = f" of {positions} positions" if positions > 1 else ""
        raise BadInputError(
            f"step-tokens: {step_tokens} leaves no room for prompts beside {most} sequences{of_each}; "
            f"give more than {needed}, or a smaller max-sequences"
        )
