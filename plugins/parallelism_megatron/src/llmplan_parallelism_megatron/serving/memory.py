"""Bytes on the fullest device: weights, the KV cache in pages, what a pass holds, what the engine keeps for itself."""

from __future__ import annotations

from attrs import evolve

from llmplan.arrays.quantities import Number, ceil, floor, maximum, minimum, total, where
from llmplan.arrays.term import term
from llmplan.estimate.sharding import ways
from llmplan.records import InferencePlan
from llmplan_parallelism_megatron.serving.rank import Rank

_KWON = "Kwon et al. 2023, arXiv:2309.06180, section 4.1"
LOGIT_BYTES = 4.0
"""Sampling reads them in 32 bits."""
_MOST_TOKENS = 2**24
"""Of a model whose context has no limit."""


def memory(rank: Rank, plan: InferencePlan) -> dict[str, Number]:
    """By line, of a batch whose answers are finished; pp batches are in flight, one on each stage."""
    each = sequence_bytes(rank, plan.prompt_tokens + plan.output_tokens)
    return {
        "weights": rank.weight_bytes,
        "kv_cache": caches_bytes(plan.batch, plan.layout.pp, each),
        **pass_bytes(rank, step_tokens(plan, plan.batch), plan.batch),
        "scores": score_bytes(rank, plan.batch * plan.prompt_tokens),
        **engine_bytes(plan),
    }


def score_bytes(rank: Rank, tokens: Number) -> Number:
    """Of a prompt pass over so many tokens, whose rows look back on a prompt each."""
    plan = rank.plan
    return held_score_bytes(
        minimum(tokens, maximum(plan.engine.step_tokens, plan.batch)),
        plan.prompt_tokens,
        rank.heads,
        plan.engine.held_score_bytes,
    )


@term("tokens * keys * heads * each_score", unit="bytes", source="Dao et al. 2022, arXiv:2205.14135, section 2.2")
def held_score_bytes(tokens: Number, keys: Number, heads: Number, each_score: float) -> Number:
    """Attention that is not fused writes the scores of a layer to memory: the whole square of every head."""
    return tokens * keys * heads * each_score


def step_tokens(plan: InferencePlan, batch: Number) -> Number:
    """Of the largest pass: all prompts, or as many tokens of them as the engine takes at once."""
    return minimum(1.0 * batch * plan.prompt_tokens, maximum(plan.engine.step_tokens, batch))


def sequence_bytes(rank: Rank, tokens: Number) -> Number:
    """KV cache of one sequence on the fullest stage, in whole pages, and states; what tp does not divide is copied."""
    plan = rank.plan
    page = plan.engine.block_tokens
    cache = plan.model.kv_cache(1.0, ceil(tokens / page) * page)
    pages = cache.elements * rank.cache_share * plan.kv_bits / 8 / ways(plan.layout.tp, cache.max_ways)
    return sequence_cache_bytes(pages, rank.state_bytes)


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


@term("tokens * each", unit="bytes", source="by definition")
def held_bytes(tokens: Number, each: Number) -> Number:
    """What a pass holds grows with its tokens: prompts need more room than decoding."""
    return tokens * each


def pass_bytes(rank: Rank, tokens: Number, rows: Number) -> dict[str, Number]:
    """What one pass holds: the residual stream, and input and output of the widest operator; logits in 32 bits."""
    held = (2.0 * rank.stream_elements + rank.widest_elements) * rank.kernels.stream_bytes
    return {"activations": held_bytes(tokens, held), "logits": held_bytes(rows, rank.logit_elements * LOGIT_BYTES)}


def engine_bytes(plan: InferencePlan) -> dict[str, Number]:
    """Of driver, libraries and kernels; and the part of the device that the engine leaves alone."""
    engine = plan.engine
    return {
        "workspace": engine.workspace_bytes,
        "driver": engine.context_bytes,
        "kept_free": kept_free_bytes(engine.memory_share, plan.hardware.memory_bytes),
    }


@term("(1 - share) * memory", unit="bytes", source="the default of the engine: `llmplan show ENGINE`")
def kept_free_bytes(share: float, memory: float) -> float:
    """An engine takes a share of the device for itself and leaves the rest alone."""
    return (1.0 - share) * memory


def largest_batch(rank: Rank, plan: InferencePlan) -> Number:
    """Sequences of these lengths that fit: what is left beside weights and engine, over the cache and logits of one.

    As long as all their prompts fit into one step, each holds the activations of its prompt; beyond, all hold those of
    a step together; and where they are more than the tokens of a step, each those of one token.
    """
    step = 1.0 * plan.engine.step_tokens
    one = pass_bytes(rank, 1.0, 1.0)
    each = plan.layout.pp * sequence_bytes(rank, plan.prompt_tokens + plan.output_tokens) + one["logits"]
    fixed = rank.weight_bytes + total(engine_bytes(plan).values())
    room = maximum(plan.hardware.memory_bytes - fixed, 0.0)
    whole = minimum(floor(room / (each + one["activations"] * plan.prompt_tokens)), floor(step / plan.prompt_tokens))
    parts = minimum(floor(maximum(room - one["activations"] * step, 0.0) / each), step)
    many = floor(room / (each + one["activations"]))
    return maximum(maximum(whole, parts), where(many > step, many, 0.0))


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
