"""Bytes on the fullest device: weights, the KV cache in pages, what a pass holds, what the engine keeps for itself."""

from __future__ import annotations

from attrs import evolve

from llmplan.arrays.quantities import Number, ceil, floor, maximum, minimum, total, where
from llmplan.estimate.sharding import end_parameters, fullest_stage_share, layer_parameters, rank_of, ways
from llmplan.records import InferencePlan, LoweredModel, Operator
from llmplan_parallelism_megatron.serving.kernels import serving_kernels
from llmplan_parallelism_megatron.serving.layout import expert_layout

LOGIT_BYTES = 4.0
"""Sampling reads them in 32 bits."""


def memory(plan: InferencePlan) -> dict[str, Number]:
    """By line, of a batch whose answers are finished; pp batches are in flight, one on each stage."""
    cache = plan.batch * plan.layout.pp * sequence_bytes(plan, plan.prompt_tokens + plan.output_tokens)
    return {
        "weights": weight_bytes(plan),
        "kv_cache": cache,
        **pass_bytes(plan, step_tokens(plan, plan.batch), plan.batch),
        **engine_bytes(plan),
    }


def step_tokens(plan: InferencePlan, batch: Number) -> Number:
    """Of the largest pass: all prompts, or as many tokens of them as the engine takes at once."""
    return minimum(1.0 * batch * plan.prompt_tokens, maximum(plan.engine.step_tokens, batch))


def weight_bytes(plan: InferencePlan) -> Number:
    """Matrices of layers at the bits of the dtype with their scales, the ends at those of embeddings."""
    rank, of = _rank(plan, 1.0), serving_kernels(plan)
    ends = maximum(*end_parameters(rank, where(plan.layout.pp == 1, 1.0, 0.0)))
    on_fullest = fullest_stage_share(rank, plan.layout)
    experts = on_fullest * total(block.count * block.expert_parameters for block in rank.layers)
    dense = layer_parameters(rank, plan.layout) - experts
    return dense * of.dense.weight_bytes + experts * of.experts.weight_bytes + ends * of.head.weight_bytes


def sequence_bytes(plan: InferencePlan, tokens: Number) -> Number:
    """KV cache of one sequence on the fullest stage, in whole pages; KV heads that tp does not divide are copied."""
    page = plan.engine.block_tokens
    cache = plan.model.kv_cache(1.0, ceil(tokens / page) * page)
    share = fullest_stage_share(_rank(plan, 1.0), plan.layout)
    return cache.elements * share * plan.kv_bits / 8 / ways(plan.layout.tp, cache.max_ways)


def pass_bytes(plan: InferencePlan, tokens: Number, rows: Number) -> dict[str, Number]:
    """What one pass holds: the residual stream, and input and output of the widest operator; logits in 32 bits."""
    rank, of = _rank(plan, tokens), serving_kernels(plan)
    widest: Number = 0.0
    for block in rank.layers:
        held = [_held(operator) for operator in block.operators]
        if plan.engine.keeps_buffers:
            widest = maximum(widest, total(held))
        for one in held:
            widest = maximum(widest, one)
    stream = next((t.elements for block in rank.layers for t in block.operators[0].inputs), 0.0)
    logits = _rank(plan, rows).head.operators
    made = total(tensor.elements for operator in logits for tensor in operator.inputs if tensor.width == "loss")
    return {"activations": (2.0 * stream + widest) * of.stream_bytes, "logits": made * LOGIT_BYTES}


def _held(operator: Operator) -> Number:
    """Inputs, and the output of a multiplication; scores stay on chip."""
    inputs = total(tensor.elements for tensor in operator.inputs if not tensor.fusible)
    gemm = operator.gemm
    return inputs if gemm is None else inputs + gemm.groups * gemm.m * gemm.n


def engine_bytes(plan: InferencePlan) -> dict[str, Number]:
    """Of driver, libraries and kernels; and the part of the device that the engine leaves alone."""
    engine = plan.engine
    return {
        "workspace": engine.workspace_bytes + 0.0 * plan.batch,
        "driver": engine.context_bytes + 0.0 * plan.batch,
        "kept_free": (1.0 - engine.memory_share) * plan.hardware.memory_bytes + 0.0 * plan.batch,
    }


def largest_batch(plan: InferencePlan) -> Number:
    """Sequences of these lengths that fit: what is left beside weights and engine, over the cache and logits of one.

    As long as all their prompts fit into one step, each holds the activations of its prompt; beyond, all hold those of
    a step together; and where they are more than the tokens of a step, each those of one token.
    """
    step = 1.0 * plan.engine.step_tokens
    of_step, of_prompt, of_token = (pass_bytes(plan, tokens, 1.0) for tokens in (step, 1.0 * plan.prompt_tokens, 1.0))
    each = plan.layout.pp * sequence_bytes(plan, plan.prompt_tokens + plan.output_tokens) + of_token["logits"]
    room = maximum(plan.hardware.memory_bytes - weight_bytes(plan) - total(engine_bytes(plan).values()), 0.0)
    whole = floor(room / (each + of_prompt["activations"]))
    parts = floor(maximum(room - of_step["activations"], 0.0) / each)
    many = maximum(floor(room / (each + of_token["activations"])), step)
    in_parts = maximum(where(parts <= step, parts, many), floor(step / plan.prompt_tokens))
    return where(whole * plan.prompt_tokens <= step, whole, in_parts)


def longest_context(plan: InferencePlan) -> int:
    """Tokens of a sequence, prompt and answer, that fit at this batch; 0 where none does. For plans of numbers."""
    low, high = 0, int(plan.model.max_seq_len or _MOST_TOKENS)
    while low < high:
        middle = (low + high + 1) // 2
        longer = evolve(plan, prompt_tokens=max(1.0, middle - plan.output_tokens))
        if total(memory(longer).values()) <= plan.hardware.memory_bytes:
            low = middle
        else:
            high = middle - 1
    return low


_MOST_TOKENS = 2**24
"""Of a model whose context has no limit."""


def _rank(plan: InferencePlan, tokens: Number) -> LoweredModel:
    return rank_of(plan.model.lower(tokens, 1.0, 1.0), expert_layout(plan.layout))
