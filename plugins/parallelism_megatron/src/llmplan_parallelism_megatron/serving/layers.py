"""Seconds of one layer, or of an end of the model, for one pass on one rank."""

from __future__ import annotations

from collections.abc import Sequence

from llmplan.arrays.quantities import Number, maximum, minimum, total, where
from llmplan.records import Cache, EngineProfile, Operator, Scores, State, Works
from llmplan_costing.sharding import ways
from llmplan_parallelism_megatron.kernels.elementwise import reading_seconds
from llmplan_parallelism_megatron.serving import kernels as kernel
from llmplan_parallelism_megatron.serving.extent import Extent, Flow
from llmplan_parallelism_megatron.serving.held import kept_tokens
from llmplan_parallelism_megatron.serving.kernels import flops_seconds, state_bytes
from llmplan_parallelism_megatron.serving.rank import ATTENTION, Layer, Rank
from llmplan_parallelism_megatron.serving.reached import ServingKernels
from llmplan_parallelism_megatron.serving.tally import Tally

FUSED_RESIDUAL = 2.0 / 3.0
"""Of what adding to the residual stream moves, where the norm that follows does it: it reads the sum anyway."""


def layer_tally(layer: Layer, flow: Flow, rank: Rank) -> Tally:
    """One layer, or the embedding, over the tokens of a pass, or those of them that an operator works on."""
    tally = Tally()
    for place in range(len(layer.kernels)):
        add_place(tally, layer, place, flow, rank)
    return tally


def add_place(tally: Tally, layer: Layer, place: int, flow: Flow, rank: Rank) -> None:
    """One kernel of a layer, and what ranks exchange after it."""
    works = layer.kernels[place][0].works
    part = flow.over(works)
    if works not in (Works.PROMPT, Works.SEQUENCE):
        _add(tally, layer, place, part, rank)
        return
    one = Tally()
    _add(one, layer, place, part.of_one_at_least(), rank)
    tally.join(one.weighted(where(part.tokens > 0, 1.0, 0.0)))


def _add(tally: Tally, layer: Layer, place: int, flow: Flow, rank: Rank) -> None:
    _add_kernel(tally, layer, place, flow, rank)
    _add_communication(tally, layer.kernels[place][-1], flow.tokens, rank)


def _add_kernel(tally: Tally, layer: Layer, place: int, flow: Flow, rank: Rank) -> None:
    """One kernel of a layer, and what its operators move beside it."""
    operators, multiplication = layer.kernels[place], layer.multiplications[place]
    kernels, tokens, first = rank.kernels, flow.tokens, operators[0]
    if multiplication is not None:
        gemm, read = layer.multiplied(multiplication, tokens)
        of_part = kernels.attention if first.part == ATTENTION else kernels.dense
        by = kernels.experts if multiplication.routed else of_part
        tally.add(first.part, kernel.multiply(gemm, read, kernels, by, tokens))
    elif first.scores is not None:
        _attention(tally, operators, flow, rank)
    else:
        tally.add(first.part, without_shape(first, tokens, kernels))
    _beside(tally, operators, tokens, kernels)
    for operator in operators:
        if operator.state is not None:
            tally.add("kv_cache", _carry(operator.state, flow, kernels))


def without_shape(operator: Operator, tokens: Number, kernels: ServingKernels) -> kernel.Waits:
    """FLOPs at the rate of large multiplications, or its weights read once: of operators that state no shape.

    Those without FLOPs look up single rows, or only move data. Those without weights multiply activations with each
    other, in 16 bits as attention does, whatever the dtype makes of weights.
    """
    by_weights = kernels.dense.flops * kernels.dense.curve.plateau
    rate = where(operator.weights > 0, by_weights, kernels.attention_flops * kernels.prefill.plateau)
    computing = flops_seconds(operator.flops * tokens, rate)
    reading = reading_seconds(operator.weights, kernels.dense.weight_bytes, kernels.bytes_per_second)
    computes, bound = operator.flops > 0, computing >= reading
    return kernel.Waits(
        where(computes, maximum(computing, reading), 0.0),
        {
            "compute": where(computes & bound, computing, 0.0),
            "weights": where(computes & bound, 0.0, where(computes, reading, 0.0)),
        },
    )


def _beside(tally: Tally, operators: Sequence[Operator], tokens: Number, kernels: ServingKernels) -> None:
    """Norms, rotations, residuals and activation functions: kernels that only move data."""
    for operator in operators:
        if operator.moved is None:
            continue
        residual = operator.gemm is not None and operator.gemm.splits_sum
        fused = residual and kernels.engine.fuses_residual
        elements = operator.moved * tokens * (FUSED_RESIDUAL if fused else 1.0)
        tally.add(operator.part, kernel.move(elements, kernels, kernels.stream_bytes, launched=not fused))


def _add_communication(tally: Tally, operator: Operator, tokens: Number, rank: Rank) -> None:
    """Partial sums over tensor parallel ranks, and tokens to and from the ranks of the experts."""
    kernels, links = rank.kernels, rank.links
    if operator.reduced_elements is not None:
        seconds = links.all_reduce_seconds(operator.reduced_elements * tokens * kernels.stream_bytes)
        tally.add_for("tp_comm", "communication", seconds)
    if operator.exchanged is not None:
        # tokens go to the experts as they are multiplied, and come back in full
        width = kernels.stream_bytes if operator.gemm is None else kernels.experts.operand_bytes
        seconds = links.all_to_all_seconds(operator.exchanged * tokens * width)
        tally.add_for("ep_comm", "communication", seconds)


def _attention(tally: Tally, operators: Sequence[Operator], flow: Flow, rank: Rank) -> None:
    """Prompts by one kernel, sequences that decode by another."""
    kernels, tp = rank.kernels, rank.plan.layout.tp
    scores = operators[0].scores
    assert scores is not None  # noqa: S101 - the caller has looked
    pair_flops = total(operator.flops for operator in operators)  # of one token and one key on this rank
    cache = scores.cache or _cache_of(operators, pair_flops)
    held = cache.elements / ways(tp, cache.ways)
    part = operators[0].part
    rows = scores.tokens if operators[0].works is Works.SEQUENCE else None
    tally.add(part, _prompts(flow.prompts, pair_flops, held, scores, cache, kernels, rows))
    decoding = flow.decoding
    window = minimum(cache.window, kept_tokens(rank.plan)) if kernels.engine.rolls_cache else cache.window
    absorbed = cache.pair_flops / tp * decoding.tokens * decoding.keys(window)
    keys = decoding.cached(window)
    once = decoding.sequences * keys * held
    read = once * _readings(cache, kernels.engine)
    one_by_one = where(_shares(cache, kernels.engine), 0.0, once * cache.heads_per_key)
    tally.add("kv_cache", kernel.look_back(read, keys * scores.head_dim, absorbed, kernels, one_by_one))


def _carry(state: State, flow: Flow, kernels: ServingKernels) -> kernel.Waits:
    """Recurrent states are read and written once by each sequence of a pass, however many of its tokens it holds."""
    sequences = flow.prompts.sequences + flow.decoding.sequences
    elements = 2.0 * sequences * state.elements * state_bytes(state, kernels) / kernels.cache_bytes
    return kernel.look_back(elements, 0.0, 0.0, kernels)


def _shares(cache: Cache, engine: EngineProfile) -> bool:
    """Whether the query heads of a group share a reading of their keys and values."""
    group = cache.heads_per_key
    return group in engine.shared_groups if engine.shared_groups else 1 < group <= engine.grouped_heads


def _readings(cache: Cache, engine: EngineProfile) -> float:
    """Of keys and values from memory: once for all query heads of a group, or again for each where none shares them."""
    if _shares(cache, engine) or engine.cycle_elements:
        return 1.0
    return 1.0 + (cache.heads_per_key - 1.0) * engine.rereading


def _prompts(
    prompts: Extent,
    pair_flops: Number,
    held: Number,
    scores: Scores,
    cache: Cache,
    kernels: ServingKernels,
    rows: Number | None = None,
) -> kernel.Waits:
    """Over the part of the square that the mask leaves, or all of it where nothing is fused.

    Tokens in flight are those of a causal square of as many keys, or of as many rows where a short chunk looks far
    back; what works once on a sequence says how many rows it has.
    """
    keys = prompts.keys(cache.window)
    if kernels.engine.attention == "unfused":
        square = prompts.tokens * minimum(prompts.end, cache.window)
        tokens = maximum(prompts.each, 1.0) if rows is None else rows
        heads = pair_flops / (4.0 * scores.head_dim)
        return kernel.attend_unfused(pair_flops * square, heads * square, tokens, scores.head_dim, kernels)
    rows = maximum(2.0 * minimum(keys, prompts.each), 1.0) if rows is None else rows
    read = prompts.sequences * prompts.cached(cache.window) * held
    return kernel.attend(pair_flops * prompts.tokens * keys, rows, scores.head_dim, read, kernels)


def _cache_of(operators: Sequence[Operator], pair_flops: Number) -> Cache:
    """Keys and values as they stand in the operators, of models that do not say what they keep."""
    k, v = operators[0].inputs[1], operators[-1].inputs[1]
    return Cache(k.elements + v.elements, k.max_ways, pair_flops)
