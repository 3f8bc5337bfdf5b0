"""What an engine holds beside its cache: weights, a pass, kernels and libraries; and what it leaves alone."""

from __future__ import annotations

from collections.abc import Mapping

from llmplan.arrays.quantities import Number, maximum, minimum, total, where
from llmplan.arrays.term import term
from llmplan.records import InferencePlan
from llmplan_parallelism_megatron.serving.rank import Rank

LOGIT_BYTES = 4.0
"""Sampling reads them in 32 bits."""
TIMED_CORES = 132
CALLED_STREAMS = 3.0
"""Of a token, beside an operator of an MLP: the residual stream, what attention added to it, and what its layer was
called with, to which the loop over layers still refers (vLLM, vllm/model_executor/models/llama.py, LlamaModel.forward).
"""
_PROFILED = "vLLM, vllm/v1/worker/gpu_worker.py, determine_available_memory; gpu_model_runner.py, _dummy_sampler_run"


def fixed_bytes(rank: Rank, plan: InferencePlan, tokens: Number, rows: Number) -> dict[str, Number]:
    """By line, of passes over so many tokens with so many positions that get logits."""
    engine = plan.engine
    held = {
        "weights": rank.weight_bytes,
        **(_warmed_up_bytes(rank, plan, tokens) if engine.warm_up_bytes else pass_bytes(rank, tokens, rows)),
        "workspace": engine.workspace_bytes + where(plan.layout.tp > 1, engine.group_bytes, 0.0),
        "driver": driver_bytes(engine.context_bytes, plan.hardware.sm_count or TIMED_CORES),
    }
    if engine.held_score_bytes:
        held["scores"] = score_bytes(rank, tokens, rows)
    return {**held, "kept_free": _kept_free_bytes(plan, held)}


@term(
    "context * min(cores / 132, 1)",
    unit="bytes",
    source="NVIDIA, CUDA C++ Programming Guide, cudaLimitStackSize; vllm-project/vllm#10517: 0.35 GiB of an RTX 3090",
)
def driver_bytes(context: float, cores: int) -> float:
    """A driver keeps a stack of each thread that may run, and room to swap threads out, so that what it takes goes by
    the cores; engines say it of an H100.
    """
    return context * min(cores / TIMED_CORES, 1.0)


def kept_tokens(plan: InferencePlan) -> Number:
    """Of a sequence, in the cache when its answer is finished."""
    if plan.engine.rolls_cache:
        return maximum(plan.prompt_tokens, plan.output_tokens)
    return plan.prompt_tokens + plan.output_tokens


def pass_bytes(rank: Rank, tokens: Number, rows: Number) -> dict[str, Number]:
    """What one pass holds: the residual stream, and input and output of the widest operator; logits in 32 bits."""
    held = (2.0 * rank.stream_elements + rank.widest_elements) * rank.kernels.stream_bytes
    return {"activations": held_bytes(tokens, held), "logits": held_bytes(rows, rank.logit_elements * LOGIT_BYTES)}


def _warmed_up_bytes(rank: Rank, plan: InferencePlan, tokens: Number) -> dict[str, Number]:
    """Of a step as large as the engine takes, and beyond that of sampling as many answers; for good."""
    engine, kernels = plan.engine, rank.kernels
    each = (CALLED_STREAMS * rank.stream_elements + rank.called_elements) * kernels.stream_bytes
    activations = held_bytes(maximum(tokens, engine.step_tokens), each)
    vocabulary = rank.logit_elements * rank.plan.layout.tp
    sampler = sampler_bytes(engine.max_sequences, vocabulary, engine.warm_up_bytes)
    return {"activations": activations, "logits": beyond_bytes(sampler, activations)}


@term("tokens * each", unit="bytes", source="by definition")
def held_bytes(tokens: Number, each: Number) -> Number:
    """What a pass holds grows with its tokens: prompts need more room than decoding."""
    return tokens * each


@term("rows * vocabulary * each_logit", unit="bytes", source=_PROFILED)
def sampler_bytes(rows: Number, vocabulary: Number, each_logit: float) -> Number:
    """Sampling sorts, sums and draws from the logits of every sequence that may be at work, in copies of 32 and 64
    bits; all ranks hold the whole vocabulary.
    """
    return rows * vocabulary * each_logit


@term("max(working - beside, 0)", unit="bytes", source=_PROFILED)
def beyond_bytes(working: Number, beside: Number) -> Number:
    """Sampling follows the layers, whose activations are gone by then: the larger of both is held."""
    return maximum(working - beside, 0.0)


def score_bytes(rank: Rank, tokens: Number, batch: Number) -> Number:
    """Of a prompt pass over so many tokens, whose rows look back on a prompt each."""
    engine, prompt = rank.plan.engine, rank.plan.prompt_tokens
    most = minimum(tokens, maximum(engine.step_tokens, batch))
    return held_score_bytes(most, prompt, rank.heads, engine.held_score_bytes)


@term("tokens * keys * heads * each_score", unit="bytes", source="Dao et al. 2022, arXiv:2205.14135, section 2.2")
def held_score_bytes(tokens: Number, keys: Number, heads: Number, each_score: float) -> Number:
    """Attention that is not fused writes the scores of a layer to memory: the whole square of every head."""
    return tokens * keys * heads * each_score


def _kept_free_bytes(plan: InferencePlan, held: Mapping[str, Number]) -> Number:
    """Beside what the driver keeps: a share of the device, less what lies in it; or a share of what is left."""
    engine, reserved = plan.engine, plan.hardware.reserved_bytes
    memory = plan.hardware.memory_bytes - reserved
    if engine.share_of_free:
        left = maximum(memory - total(held.values()), 0.0)
        return reserved + kept_free_bytes(engine.memory_share, left, 0.0)
    beside = total(held[line] for line in engine.beside_share)
    return reserved + kept_free_bytes(engine.memory_share, memory, beside)


@term("max((1 - share) * memory - beside, 0)", unit="bytes", source="the engine's own: `llmplan show ENGINE`")
def kept_free_bytes(share: float, memory: Number, beside: Number) -> Number:
    """An engine takes a share of the device, or of what is left of it, and leaves the rest alone, as far as nothing
    lies there that it does not count.
    """
    return maximum((1.0 - share) * memory - beside, 0.0)
