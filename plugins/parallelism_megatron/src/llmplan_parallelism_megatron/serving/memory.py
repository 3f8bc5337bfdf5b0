"""Bytes on the fullest device: weights, the KV cache in pages, what a pass holds, what the engine keeps for itself."""

from __future__ import annotations

from attrs import evolve

from llmplan.arrays.quantities import Number, ceil, floor, maximum, minimum, total, where
from llmplan.arrays.term import term
from llmplan.records import InferencePlan
from llmplan_costing.sharding import ways
from llmplan_parallelism_megatron.serving.held import fixed_bytes, kept_tokens, pass_bytes, score_bytes
from llmplan_parallelism_megatron.serving.pipeline import micro_batches, static_batches
from llmplan_parallelism_megatron.serving.rank import Rank
from llmplan_parallelism_megatron.serving.reached import KV

_KWON = "Kwon et al. 2023, arXiv:2309.06180, section 4.1"
_MOST_TOKENS = 2**24
"""Of a model whose context has no limit."""


def memory(rank: Rank, plan: InferencePlan) -> dict[str, Number]:
    """By line, of a batch whose answers are finished, and of all others in flight."""
    each = device_sequence_bytes(rank, kept_tokens(plan))
    fixed = fixed_bytes(rank, plan, step_tokens(plan, plan.batch), plan.batch)
    return {"weights": fixed.pop("weights"), "kv_cache": caches_bytes(plan.batch, static_batches(plan), each), **fixed}


def step_tokens(plan: InferencePlan, batch: Number) -> Number:
    """Of the largest pass: all prompts, or as many tokens of them as the engine takes at once."""
    return minimum(1.0 * batch * plan.prompt_tokens, maximum(plan.engine.step_tokens, batch))


def prompt_passes(plan: InferencePlan) -> Number:
    """That read the prompts of a batch: as few as the engine's steps allow, one at least for each part of the batch."""
    passes = ceil(plan.batch * plan.prompt_tokens / step_tokens(plan, plan.batch))
    return maximum(passes, micro_batches(plan, plan.prompt_tokens))


def sequence_bytes(rank: Rank, tokens: Number) -> Number:
    """KV cache of one sequence on the fullest stage, in whole pages, and states; what tp does not divide is copied."""
    plan = rank.plan
    page = plan.engine.block_tokens
    cache = plan.model.kv_cache(1.0, ceil(tokens / page) * page)
    pages = cache.elements * rank.cache_share * plan.kv_bits / 8 / ways(plan.layout.tp, cache.max_ways)
    return sequence_cache_bytes(pages, rank.state_bytes)


def device_sequence_bytes(rank: Rank, tokens: Number) -> Number:
    """What of it the device holds: none, where caches wait in host memory; all copies, where it is written anew."""
    return 0.0 if rank.plan.offload == KV else rank.plan.engine.cache_copies * sequence_bytes(rank, tokens)


def host_bytes(rank: Rank, plan: InferencePlan) -> Number | None:
    """That wait in host memory for the fullest device: weights, or the caches of a batch; None where nothing does."""
    if not plan.offload:
        return None
    if plan.offload != KV:
        return rank.host_weight_bytes
    return caches_bytes(plan.batch, static_batches(plan), sequence_bytes(rank, kept_tokens(plan)))


@term("pages + states", unit="bytes", source=_KWON)
def sequence_cache_bytes(pages: Number, states: Number) -> Number:
    """Keys and values of a sequence come in whole pages and grow with it; states of recurrent layers stay."""
    return pages + states


@term("sequences * p * each", unit="bytes", source=_KWON)
def caches_bytes(sequences: Number, p: Number, each: Number) -> Number:
    """Every stage holds its layers' part of the caches of all batches in flight, one a stage; long sequences bind the
    batch.
    """
    return sequences * p * each


def largest_batch(rank: Rank, plan: InferencePlan) -> Number:
    """Sequences of these lengths that fit: what is left beside all that is fixed, over what one of them holds.

    Without a warm-up each holds the activations of its prompt as long as all of these fit into one step; beyond, all
    hold those of a step together; and where they are more than the tokens of a step, each those of one token. A batch
    that fits is never more than the largest.
    """
    held = memory(rank, plan)
    fits = total(held.values()) <= plan.hardware.memory_bytes
    each = static_batches(plan) * device_sequence_bytes(rank, kept_tokens(plan))
    if plan.offload == KV:
        found = where(fits, 1.0 * plan.engine.max_sequences, 0.0)
    elif plan.engine.warm_up_bytes:
        found = floor(maximum(cache_bytes(rank, plan), 0.0) / each)
    else:
        found = _without_warm_up(rank, plan, each)
    return where(fits, maximum(found, plan.batch), found)


def _without_warm_up(rank: Rank, plan: InferencePlan, each: Number) -> Number:
    step = 1.0 * plan.engine.step_tokens
    one, alone = pass_bytes(rank, 1.0, 1.0), score_bytes(rank, plan.prompt_tokens, 1.0)
    each = each + one["logits"] + alone
    room = maximum(plan.hardware.memory_bytes - total(fixed_bytes(rank, plan, 0.0, 0.0).values()), 0.0)
    whole = minimum(floor(room / (each + one["activations"] * plan.prompt_tokens)), floor(step / plan.prompt_tokens))
    parts = minimum(floor(maximum(room - one["activations"] * step, 0.0) / each), step)
    many = floor(room / (each + one["activations"]))
    return maximum(maximum(whole, parts), where(many > step, many, 0.0))


def cache_bytes(rank: Rank, plan: InferencePlan) -> Number:
    """Room for the cache beside all else that a batch takes; less than none where the engine would not start."""
    fixed = fixed_bytes(rank, plan, step_tokens(plan, plan.batch), plan.batch)
    return plan.hardware.memory_bytes - total(fixed.values())


def cache_tokens(rank: Rank, plan: InferencePlan) -> Number | None:
    """That the room holds on the fullest stage, in sequences of the plan's lengths; None of caches in host memory."""
    if plan.offload == KV:
        return None
    length = kept_tokens(plan)
    return floor(maximum(cache_bytes(rank, plan), 0.0) * length / device_sequence_bytes(rank, length))


def longest_context(rank: Rank, plan: InferencePlan) -> int:
    """Tokens of a sequence, prompt and answer, that fit at this batch; 0 where none does. For plans of numbers."""
    low, high = 0, int(plan.model.max_seq_len or _MOST_TOKENS)
    while low < high:
        middle = (low + high + 1) // 2
        longer = evolve(plan, prompt_tokens=max(1.0, middle - plan.output_tokens))
        if total(memory(rank, longer).values()) <= plan.hardware.memory_bytes:
            low = middle
        else:
            high = middle - 1
    return low
