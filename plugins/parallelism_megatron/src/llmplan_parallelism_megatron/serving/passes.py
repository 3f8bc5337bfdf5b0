"""From layers to a forward pass: what each stage takes, what the host adds, what crosses from stage to stage."""

from __future__ import annotations

from attrs import define

from llmplan.arrays.quantities import Number, maximum, total, where
from llmplan.estimate.sharding import stage_counts, state_elements, ways
from llmplan.records import Block, InferencePlan, LoweredModel
from llmplan_parallelism_megatron.serving import kernels as kernel
from llmplan_parallelism_megatron.serving.extent import Flow
from llmplan_parallelism_megatron.serving.kernels import ServingKernels, serving_kernels
from llmplan_parallelism_megatron.serving.layers import joined, layer_tally, without_shape
from llmplan_parallelism_megatron.serving.layout import divided, divided_head, expert_layout
from llmplan_parallelism_megatron.serving.tally import Tally
from llmplan_parallelism_megatron.serving.traffic import Links, links_of


@define(eq=False)
class Pass:
    """One forward pass of a replica."""

    stage: Tally
    """The slowest stage: until the next batch can follow."""
    whole: Tally
    """All stages: until the tokens are there."""


def forward(plan: InferencePlan, flow: Flow) -> Pass:
    """All layers, the embedding, the head over the last positions, the host."""
    of, layout = serving_kernels(plan), plan.layout
    links = links_of(expert_layout(layout), of)
    rank = divided(plan, flow)
    layers = [layer_tally(block, flow, layout.tp, of, links) for block in rank.layers]
    embedding = layer_tally(rank.embedding, flow, layout.tp, of, links)
    head = head_tally(divided_head(plan, flow), of, links)
    if not any(operator.scores for block in rank.layers for operator in block.operators):
        layers[0].add("kv_cache", _states(plan, flow, rank, of))
    transfer = Tally()
    transfer.add("pp_comm", {"communication": links.transfer_seconds(state_elements(rank) * of.stream_bytes, layout)})
    return _stages(plan, rank, (embedding, layers, head, transfer), gap_seconds(plan, flow))


def _states(plan: InferencePlan, flow: Flow, rank: LoweredModel, of: ServingKernels) -> kernel.Resources:
    """Of layers that look back by no attention: what they keep is read and written, all of it with the first."""
    cache = plan.model.kv_cache(flow.decoding.sequences, flow.decoding.end)
    held = cache.elements / ways(plan.layout.tp, cache.max_ways) / rank.layers[0].count
    return kernel.look_back(2.0 * held, 0.0 * held, 0.0 * held, of)


def head_tally(head: Block, of: ServingKernels, links: Links) -> Tally:
    """Final norm, logits in 16 bits, and sampling, which reads them in 32 bits and writes probabilities."""
    tally = Tally()
    logits: Number = 0.0
    for operator in head.operators:
        part = operator.part
        if operator.gemm is not None:
            gemm, read = joined([operator])
            tally.add(part, kernel.multiply(gemm, read, of, of.head))
            logits = gemm.m * gemm.n * links.groups.tensor.ranks
        else:
            tally.add(part, without_shape(operator, of))
        if operator.moved is not None:
            wide = any(tensor.width == "loss" for tensor in operator.inputs)
            tally.add(part, kernel.move(operator.moved, of, 4.0 if wide else of.stream_bytes))
    tally.add("tp_comm", {"communication": links.all_gather_seconds(logits * of.stream_bytes)})
    return tally


def _stages(
    plan: InferencePlan, rank: LoweredModel, tallies: tuple[Tally, list[Tally], Tally, Tally], gap: Number
) -> Pass:
    """The stage of the embedding or that of the head, whichever takes longer; and all of them one after the other."""
    embedding, layers, head, transfer = tallies
    layout = plan.layout
    alone = where(layout.pp == 1, 1.0, 0.0)
    on_first, on_last = stage_counts(rank, layout)
    ahead = embedding.seconds + total(n * layer.seconds for n, layer in zip(on_first, layers, strict=True))
    behind = head.seconds + total(n * layer.seconds for n, layer in zip(on_last, layers, strict=True))
    last = where(behind >= ahead, 1.0, 0.0)
    counts = [where(last > 0, late, early) for early, late in zip(on_first, on_last, strict=True)]
    stage, whole = Tally(), Tally()
    for count, block, layer in zip(counts, rank.layers, layers, strict=True):
        stage.add_times(count, layer)
        whole.add_times(block.count, layer)
    stage.add_times(maximum(alone, 1.0 - last), embedding)
    stage.add_times(maximum(alone, last), head)
    stage.add_times(where(layout.pp > 1, 1.0, 0.0), transfer)
    whole.add_times(1.0, embedding)
    whole.add_times(1.0, head)
    whole.add_times(layout.pp - 1.0, transfer)
    _host(plan, stage, gap * total(counts))
    _host(plan, whole, gap * sum(block.count for block in rank.layers))
    return Pass(stage, whole)


def gap_seconds(plan: InferencePlan, flow: Flow) -> Number:
    """Between a layer's kernels: steps of decoding alone are captured as graphs, where the plan has these."""
    one_by_one = plan.engine.launch_seconds_per_layer
    return where(flow.prompts.tokens > 0, one_by_one, 0.0 if plan.cuda_graphs else one_by_one)


def _host(plan: InferencePlan, tally: Tally, gaps: Number) -> None:
    """Gaps between kernels that are launched one by one, and what the host does between passes."""
    engine = plan.engine
    between = engine.host_seconds_per_step + engine.host_seconds_per_sequence * plan.batch
    tally.add("launch", {"launch": gaps})
    tally.add("host", {"host": between + 0.0 * gaps})
