"""The plan of a batch of prompts: what the request says, and what it leaves open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmplan.errors import BadInputError
from llmplan.records import InferencePlan, Layout, ModelArchitecture
from llmplan.request import LOADS, InferRequest, option_name
from llmplan.request.options import settings_of
from llmplan.space.choice import Choice
from llmplan.space.engines import engine_of

if TYPE_CHECKING:
    from llmplan.records import EngineProfile

_DEFAULT_PROMPT_TOKENS = 512
_DEFAULT_OUTPUT_TOKENS = 128
_NOTHING, _CACHE = "none", "kv"


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
    engine = engine_of(request, choice.hardware, said)
    return InferencePlan(
        model=choice.model if engine.windows else _without_windows(choice.model),
        hardware=choice.hardware,
        dtype=choice.dtype,
        gemm=choice.gemm,
        layout=_layout(request),
        efficiency=choice.efficiency,
        cost_model=choice.cost_model.name,
        site=choice.site,
        batch=default("batch", 1),
        prompt_tokens=prompt,
        output_tokens=output,
        kv_bits=default("kv_bits", _kv_bits(request, engine, choice)),
        engine=engine,
        offload=_offload(request, engine, choice),
        max_model_len=request.max_model_len,
        pue=request.pue or 1.0,
        **choice.settled,
        assumptions=tuple(said),
        warnings=choice.warnings,
        settings=settings_of(request),
    )


def _offload(request: InferRequest, engine: EngineProfile, choice: Choice) -> str:
    """What waits in host memory; BadInputError where the engine, the cost model or the accelerator knows of none."""
    word = request.offload
    if word in (None, _NOTHING):
        return ""
    if getattr(choice.cost_model, "serving", None) is None:
        raise BadInputError(f"offload: the cost model {choice.cost_model.name} prices nothing in host memory")
    if word not in engine.offloads:
        can = " or ".join(engine.offloads) or "nothing"
        raise BadInputError(f"offload: {engine.name} does not leave {word} in host memory; it can leave {can}")
    if choice.hardware.host_bytes_per_second is None:
        raise BadInputError(f"offload: {choice.hardware.name} states no link to the host (pcie_bandwidth_gb_per_s)")
    if word == _CACHE and any(getattr(request, load) is not None for load in LOADS):
        raise BadInputError("offload: kv is priced of a batch, not of a server under load")
    return word


def _without_windows(model: ModelArchitecture) -> ModelArchitecture:
    """Of an engine that makes nothing of windows: every layer keeps and reads all that came before."""
    without = getattr(model, "without_windows", None)
    whole: ModelArchitecture = model if without is None else without()
    return whole


def _kv_bits(request: InferRequest, engine: EngineProfile, choice: Choice) -> float:
    """Those that a checkpoint states, which engines follow unless it is served in another dtype; else the engine's own,
    of a cost model that prices engines at all; else those that the dtype states or implies.
    """
    stored = getattr(choice.model, "stored", None)
    if request.dtype is None and stored is not None and stored.kv_bits is not None:
        return float(stored.kv_bits)
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
    longest = request.max_model_len
    if longest is not None and context is not None and longest > context:
        raise BadInputError(f"max-model-len: {longest} is beyond the context of {choice.model.name}, {context}")
    if longest is not None and prompt + output > longest:
        raise BadInputError(f"max-model-len: {longest} is less than prompt-tokens {prompt} and output-tokens {output}")
    if context is not None and prompt + output > context:
        lengths = f"output-tokens: {output} with prompt-tokens {prompt}"
        if request.prompt_tokens is not None:
            lengths = f"prompt-tokens: {prompt} with output-tokens {output}"
        raise BadInputError(f"{lengths} is beyond the context of {choice.model.name}, {context}")
    return prompt, output
