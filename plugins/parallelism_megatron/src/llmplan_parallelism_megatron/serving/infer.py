"""A static batch: prompts read together, then a token of every sequence a step."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from llmplan.arrays.quantities import Number, maximum
from llmplan.estimate import InferenceEstimate, Spread
from llmplan.records import InferencePlan
from llmplan_parallelism_megatron import lines
from llmplan_parallelism_megatron.serving.crossing import compute_bound_batch
from llmplan_parallelism_megatron.serving.extent import of_decoding, of_prompts
from llmplan_parallelism_megatron.serving.known import known_rank
from llmplan_parallelism_megatron.serving.memory import (
    cache_bytes,
    cache_tokens,
    host_bytes,
    largest_batch,
    longest_context,
    memory,
    prompt_passes,
)
from llmplan_parallelism_megatron.serving.passes import forward
from llmplan_parallelism_megatron.serving.pipeline import filled_seconds, micro_batches, static_batches
from llmplan_parallelism_megatron.serving.rank import Rank


def infer(plan: InferencePlan) -> InferenceEstimate:
    """The prompt gives the first token, each step a further one; the mean step stands for all of them.

    More tokens of prompts than the engine takes at once go in several passes, which follow each other through the
    stages of a pipeline.
    With p stages p batches are in flight, or p parts of one: a batch waits for the sum of its stages, or for p times
    the slowest.
    """
    rank = known_rank(plan)
    passes = prompt_passes(plan)
    prefill = forward(rank, of_prompts(1.0 * plan.batch, plan.prompt_tokens, passes))
    stage, parts = prefill.stage.repeated(passes), micro_batches(plan, 1.0)
    decode = forward(rank, of_decoding(plan.batch / parts, plan.prompt_tokens, plan.output_tokens))
    step = decode.stage.repeated(parts)
    return InferenceEstimate(
        plan=plan,
        prefill_breakdown=lines.seconds(stage.lines),
        decode_breakdown=lines.seconds(step.lines),
        prefill_bounds=lines.resources(stage.bounds, plan, decoding=False),
        decode_bounds=lines.resources(step.bounds, plan, decoding=True),
        first_token=filled_seconds(prefill.whole.seconds, passes, prefill.stage.seconds),
        next_token=maximum(decode.whole.seconds, static_batches(plan) * step.seconds),
        decode_steps=maximum(plan.output_tokens - 1.0, 0.0),
        memory_breakdown=memory_lines(plan, rank),
        largest_batch=largest_batch(rank, plan),
        host_bytes_per_gpu=host_bytes(rank, plan),
        cache_bytes=cache_bytes(rank, plan),
        cache_tokens=cache_tokens(rank, plan),
        longest_context=partial(longest_context, rank),
        crossing=partial(compute_bound_batch, rank),
        spreads=_spreads,
        spread_of_memory=_spread_of_memory,
        ideal=_ideal,
        batches_in_flight=static_batches(plan),
    )


def memory_lines(plan: InferencePlan, rank: Rank | None = None) -> Mapping[str, Number]:
    """What a batch holds on the fullest device."""
    return lines.held(memory(known_rank(plan) if rank is None else rank, plan), plan.hardware)


def _spread_of_memory(plan: InferencePlan) -> Spread:
    """How far memory may be off, by kind of plan."""
    from llmplan_parallelism_megatron.ranges.serving import memory_spread

    return memory_spread(plan)


def _ideal(plan: InferencePlan) -> tuple[Number, Number]:
    """What no engine takes less than."""
    from llmplan_parallelism_megatron.serving.ideal import ideal_seconds

    return ideal_seconds(plan)


def _spreads(plan: InferencePlan) -> tuple[Spread, Spread]:
    """How far the first token, and all further ones, may be off, by kind of plan."""
    from llmplan_parallelism_megatron.ranges.serving import spreads

    return spreads(plan)
