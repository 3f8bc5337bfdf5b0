"""The accounting behind the published LLaMA tables: seconds and FLOPs.

b sequences, s tokens each, h hidden, n heads, V vocabulary, L layers; w, a, e bits of weights, activations, embedding;
t tensor and p pipeline parallel size; F and B the FLOP/s and bytes/s that are reached. Source: the LLaMA example
analysis of llm-analysis (Li 2023), which follows Korthikanti et al. 2022, arXiv:2205.05198.

`rank` is the model as one tensor parallel rank sees it (`sharding.rank_of`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeAlias

from llmplan.arrays.quantities import maximum, total, where
from llmplan.arrays.term import term
from llmplan.records import InferencePlan, Recompute, TrainingPlan
from llmplan_costing.sharding import stage_share, ways
from llmplan_parallelism_roofline.collectives import all_reduce_seconds, tp_link_bytes_per_second

if TYPE_CHECKING:
    from llmplan.arrays.quantities import Number
    from llmplan.records import Block, LoweredModel, Operator

LLM_ANALYSIS = "Li 2023, llm-analysis, LLaMA example; Korthikanti et al. 2022, arXiv:2205.05198"
Plan: TypeAlias = TrainingPlan | InferencePlan


def flops_per_second(plan: Plan) -> Number:
    """F = peak of the GEMM format x FLOPs efficiency."""
    return plan.gemm.peak_flops * plan.efficiency.flops


def bytes_per_second(plan: Plan) -> Number:
    """B = memory bandwidth x HBM efficiency."""
    return plan.hardware.memory_bytes_per_second * plan.efficiency.hbm


def operator_bytes(operator: Operator, plan: Plan, score_traffic: Number) -> Number:
    """Bytes that a rank moves: the weights that the operator reads, and its inputs, each once.

    Its output is the next one's input; experts that no token goes to are held and not read. `score_traffic` is 1, or 0
    where attention scores are not counted.
    """
    bits = plan.dtype.bits
    inputs: Number = 0.0
    for tensor in operator.inputs:
        counted = score_traffic if tensor.fusible else 1.0
        inputs = inputs + counted * tensor.elements * bits[tensor.width]
    weights = operator.weights if operator.weights_read is None else operator.weights_read
    return (weights * plan.dtype.weight_bits + inputs) / 8


def part_seconds(operators: Iterable[Operator], plan: Plan, score_traffic: Number) -> dict[str, Number]:
    """By part, max(FLOPs / (tF), bytes / B): a part is bound by compute or by memory as a whole.

    For attention FLOPs = 8bsh^2 + 4bs^2h and bytes = 4h^2 w/8/t + (bsh/q + 4bsh/t + 2nbs^2/t) a/8; for an MLP of two
    matrices of 4h FLOPs = 16bsh^2 and bytes = 8h^2 w/8/t + (bsh/q + 8bsh/t) a/8; for a norm bytes = 4bsh/q.
    """
    flops: dict[str, Number] = {}
    moved: dict[str, Number] = {}
    for operator in operators:
        part = operator.part
        flops[part] = flops.get(part, 0.0) + operator.flops
        moved[part] = moved.get(part, 0.0) + operator_bytes(operator, plan, score_traffic)
    peak, bandwidth = flops_per_second(plan), bytes_per_second(plan)
    return {part: bound_seconds(flops[part], peak, moved[part], bandwidth) for part in flops}


@term("max(f / F, moved / B)", unit="s", source=LLM_ANALYSIS)
def bound_seconds(f: Number, F: Number, moved: Number, B: Number) -> Number:  # noqa: N803 - as the literature has it
    """A part of a layer is bound by compute or by memory as a whole."""
    return maximum(f / F, moved / B)


@term("f / F", unit="s", source=LLM_ANALYSIS)
def computing_seconds(f: Number, F: Number) -> Number:  # noqa: N803 - as the literature has it
    """FLOPs at the rate that is reached."""
    return f / F


@term("f / (G * F)", unit="s", source=LLM_ANALYSIS)
def run_seconds(f: Number, G: Number, F: Number) -> Number:  # noqa: N803 - as the literature has it
    """FLOPs of an iteration, shared out over all accelerators."""
    return f / (G * F)


@term("times * held / B", unit="s", source=LLM_ANALYSIS)
def moving_seconds(times: float, held: Number, B: Number) -> Number:  # noqa: N803 - as the literature has it
    """What memory holds goes to the accelerator, or there and back."""
    return times * held / B


def reduction_seconds(operators: Iterable[Operator], plan: Plan, width: str) -> Number:
    """The all-reduces of partial results: two a layer, each of bsh elements."""
    bandwidth = tp_link_bytes_per_second(plan)
    return total(
        all_reduce_seconds(operator.reduced_elements * plan.dtype.bits[width] / 8, plan.layout.tp, bandwidth)
        for operator in operators
        if operator.reduced_elements is not None
    )


def embedding_seconds(block: Block, plan: Plan) -> Number:
    """The whole table once, V h e/8 over B, what stands before text (an encoder) over tF, one all-reduce at e bits."""
    table = plan.layout.tp * block.weights * plan.dtype.embedding_bits / 8
    computing = computing_seconds(block.flops, flops_per_second(plan))
    reading = moving_seconds(1, table, bytes_per_second(plan))
    return reading + computing + reduction_seconds(block.operators, plan, "embedding")


def head_seconds(block: Block, plan: Plan) -> Number:
    """Seconds of the logits: 2bsVh / (tF)."""
    return computing_seconds(block.flops, flops_per_second(plan))


def forward_breakdown(rank: LoweredModel, plan: Plan, score_traffic: Number = 1.0) -> dict[str, Number]:
    """Seconds of one forward pass of one micro-batch on one stage of floor(L/p) layers, embedding and head included."""
    share = stage_share(rank, plan.layout)
    seconds: dict[str, Number] = {}
    communication: Number = 0.0
    for block in rank.layers:
        count = block.count * share
        for part, time in part_seconds(block.operators, plan, score_traffic).items():
            seconds[part] = seconds.get(part, 0.0) + count * time
        communication = communication + count * reduction_seconds(block.operators, plan, "activation")
    return {
        **seconds,
        "tp_comm": communication,
        "input_embedding": embedding_seconds(rank.embedding, plan),
        "output_embedding_loss": head_seconds(rank.head, plan),
    }


def training_score_traffic(plan: TrainingPlan) -> Number:
    """Attention scores are not counted where their compute is repeated in the backward pass."""
    return where(plan.recompute >= Recompute.ATTENTION_COMPUTE, 0.0, 1.0)


def kv_cache_bytes(plan: InferencePlan, share: Number) -> Number:
    """2 L b (prompt + generated) h a/8/t: the cache of full-length sequences on a rank with `share` of the layers."""
    cache = plan.model.kv_cache(plan.batch, plan.prompt_tokens + plan.output_tokens)
    return cache_bytes(cache.elements, share, plan.kv_bits, ways(plan.layout.tp, cache.max_ways))


@term("n * share * bits / 8 / t", unit="bytes", source=LLM_ANALYSIS)
def cache_bytes(n: Number, share: Number, bits: float, t: Number) -> Number:
    """Keys and values of the layers of a stage, over t ranks."""
    return n * share * bits / 8 / t


def kv_cache_seconds(rank: LoweredModel, plan: InferencePlan) -> Number:
    """The cache once read and once written, over B."""
    return moving_seconds(2, kv_cache_bytes(plan, stage_share(rank, plan.layout)), bytes_per_second(plan))
