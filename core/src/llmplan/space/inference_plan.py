"""The plan of a batch of prompts: what the request says, and what it leaves open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmplan.catalogues import ENGINES, registry
from llmplan.errors import BadInputError
from llmplan.records import InferencePlan, Layout
from llmplan.request import InferRequest, option_name
from llmplan.request.options import settings_of
from llmplan.space.choice import Choice, default_record, find_record, with_price

if TYPE_CHECKING:
    from llmplan.records import EngineProfile

_DEFAULT_PROMPT_TOKENS = 512
_DEFAULT_OUTPUT_TOKENS = 128


def make_inference_plan(request: InferRequest, choice: Choice) -> InferencePlan:
    """Everything filled in, each default said; BadInputError where sequences are beyond the model's context."""
    said = list(choice.assumptions)

    def default(option: str, value: float) -> Any:
        given = getattr(request, option)
        if given is not None:
            return given
        said.append(f"{option_name(option)} {value:g}")
        return value

    prompt, output = _lengths(request, choice, said)
    engine = engine_of(request, choice.hardware.architecture, said)
    graphs = engine.cuda_graphs if request.cuda_graphs is None else request.cuda_graphs
    return InferencePlan(
        model=choice.model,
        hardware=choice.hardware,
        dtype=choice.dtype,
        gemm=choice.gemm,
        layout=_layout(request),
        efficiency=choice.efficiency,
        cost_model=choice.cost_model.name,
        batch=default("batch", 1),
        prompt_tokens=prompt,
        output_tokens=output,
        kv_bits=default("kv_bits", _kv_bits(engine, choice)),
        engine=engine,
        cuda_graphs=graphs,
        price_per_gpu_hour=with_price(request, choice.hardware).price_per_gpu_hour,
        assumptions=tuple(said),
        warnings=choice.warnings,
        settings=settings_of(request),
    )


def _kv_bits(engine: EngineProfile, choice: Choice) -> float:
    """The engine's own, of a cost model that prices engines at all; else those that the dtype states or implies."""
    own = engine.kv_bits if getattr(choice.cost_model, "serving", None) is not None else None
    return own or choice.dtype.kv_bits or choice.dtype.activation_bits


def _layout(request: InferRequest) -> Layout:
    """Of the sizes that a request gives, which are all."""
    tp, pp, dp = request.tp or 1, request.pp or 1, request.dp or 1
    return Layout(
        gpus=tp * pp * dp, tp=tp, pp=pp, dp=dp, ep=request.ep or 1, sequence_parallel=bool(request.sequence_parallel)
    )


def _lengths(request: InferRequest, choice: Choice, said: list[str]) -> tuple[int, int]:
    """Prompt and answer of each sequence, which have to fit into the context together."""
    context = choice.model.max_seq_len
    room = context or _DEFAULT_PROMPT_TOKENS + _DEFAULT_OUTPUT_TOKENS
    prompt, output = request.prompt_tokens, request.output_tokens
    if prompt is None:
        prompt = min(_DEFAULT_PROMPT_TOKENS, max(1, room - (output or room // 2)))
        said.append(f"prompt-tokens {prompt:g}")
    if output is None:
        output = min(_DEFAULT_OUTPUT_TOKENS, max(1, room - prompt))
        said.append(f"output-tokens {output:g}")
    if context is not None and prompt + output > context:
        lengths = f"output-tokens: {output} with prompt-tokens {prompt}"
        if request.prompt_tokens is not None:
            lengths = f"prompt-tokens: {prompt} with output-tokens {output}"
        raise BadInputError(f"{lengths} is beyond the context of {choice.model.name}, {context}")
    return prompt, output


def engine_of(request: InferRequest, architecture: str, said: list[str]) -> EngineProfile:
    """As named, else the default; one without costs of its own where no plugin offers any."""
    if request.engine is not None:
        named: EngineProfile = find_record(request.engine, "engine", ENGINES)
        return named
    if not registry().engines:
        return EngineProfile(name="ideal")
    engine: EngineProfile = default_record(registry().engines, "engine", architecture)
    said.append(f"engine {engine.name}: {engine.description}")
    return engine
