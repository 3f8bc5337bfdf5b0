"""What a pass takes at the printed peaks: no engine is faster, whatever its kernels do.

The formulas are those of the estimate. Nothing is lost, nothing waits, and activations never leave the chip: what is
left is multiplying, reading weights once, and reading the cache once.
"""

from __future__ import annotations

from functools import lru_cache
from math import inf

from attrs import evolve

from llmplan.arrays.quantities import Number, maximum
from llmplan.records import Efficiency, EngineProfile, InferencePlan
from llmplan_parallelism_megatron.serving.extent import of_decoding, of_prompts
from llmplan_parallelism_megatron.serving.memory import prompt_passes
from llmplan_parallelism_megatron.serving.passes import forward
from llmplan_parallelism_megatron.serving.pipeline import filled_seconds, micro_batches, static_batches
from llmplan_parallelism_megatron.serving.rank import Rank
from llmplan_parallelism_megatron.serving.tally import Tally

PEAKS = Efficiency()
"""Of everything."""
_UNAVOIDABLE = ("compute", "weights", "kv_cache")
_MULTIPLIERS = ("dense", "experts", "attention", "head")


@lru_cache(maxsize=16)
def ideal_seconds(plan: InferencePlan) -> tuple[Number, Number]:
    """Until the first token, and of each further one."""
    rank, passes, parts = _rank(plan), prompt_passes(plan), micro_batches(plan, 1.0)
    prefill = forward(rank, of_prompts(1.0 * plan.batch, plan.prompt_tokens, passes))
    decode = forward(rank, of_decoding(plan.batch / parts, plan.prompt_tokens, plan.output_tokens))
    first = filled_seconds(_seconds(prefill.whole), passes, _seconds(prefill.stage))
    return first, maximum(_seconds(decode.whole), static_batches(plan) * parts * _seconds(decode.stage))


def _seconds(tally: Tally) -> Number:
    seconds: Number = 0.0
    for resource in _UNAVOIDABLE:
        seconds = seconds + tally.bounds.get(resource, 0.0)
    return seconds


def _rank(plan: InferencePlan) -> Rank:
    """Divided as the engine does it; what the host multiplies itself costs the accelerator nothing."""
    rank = Rank.of(evolve(plan, efficiency=PEAKS, engine=_lossless(plan.engine)))
    kernels = rank.kernels
    free = {name: getattr(kernels, name) for name in _MULTIPLIERS}
    for name, by in free.items():
        free[name] = evolve(by, operand_bytes=0.0, host_bytes_per_second=by.host_bytes_per_second and inf)
    return evolve(rank, kernels=evolve(kernels, stream_bytes=0.0, **free))


@lru_cache
def _lossless(engine: EngineProfile) -> EngineProfile:
    """An engine that divides and holds what this one does, with kernels that lose nothing."""
    return evolve(
        engine,
        attention=None,
        gemm_rate=1.0,
        memory_rate=1.0,
        cycle_bytes={},
        widened_rows=0,
        grouped_heads=10**6,
        shared_groups=(),
        reread_rows=0,
        cycle_elements=0.0,
        cache_token_cycles=0.0,
    )
