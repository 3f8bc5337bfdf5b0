"""From layers to a forward pass: what each stage takes, what the host adds, what crosses from stage to stage."""

from __future__ import annotations

from attrs import define

from llmplan.arrays.quantities import Number, maximum, total, where
from llmplan.estimate.sharding import ways
from llmplan.records import InferencePlan
from llmplan_parallelism_megatron.serving import kernels as kernel
from llmplan_parallelism_megatron.serving.extent import Flow
from llmplan_parallelism_megatron.serving.layers import layer_tally, without_shape
from llmplan_parallelism_megatron.serving.rank import Rank
from llmplan_parallelism_megatron.serving.tally import Tally


@define(eq=False)
class Pass:
    """One forward pass of a replica."""

    stage: Tally
    """The slowest stage: until the next batch can follow."""
    whole: Tally
    """All stages: until the tokens are there."""


def forward(rank: Rank, flow: Flow) -> Pass:
    """All layers, the embedding, the head over the last positions, the host."""
    layout = rank.plan.layout
    layers = [layer_tally(layer, flow, rank) for layer in rank.layers]
    embedding = layer_tally(rank.embedding, flow, rank)
    head = head_tally(flow.rows, rank)
    if not any(layer.attends for layer in rank.layers):
        layers[0].add("kv_cache", _states(rank, flow))
    transfer = Tally()
    sent = rank.state_elements * flow.tokens * rank.kernels.stream_bytes
    transfer.add("pp_comm", {"communication": rank.links.transfer_seconds(sent, layout)})
    return _stages(rank, (embedding, layers, head, transfer), flow)


def _states(rank: Rank, flow: Flow) -> kernel.Resources:
    """Of layers that look back by no attention: what they keep is read and written, all of it with the first."""
    cache = rank.plan.model.kv_cache(flow.decoding.sequences, flow.decoding.end)
    held = cache.elements / ways(rank.plan.layout.tp, cache.max_ways) / rank.layers[0].count
    return kernel.look_back(2.0 * held, 0.0 * held, 0.0 * held, rank.kernels)


def head_tally(rows: Number, rank: Rank) -> Tally:
    """Final norm, logits in 16 bits, and sampling, which reads them in 32 bits and writes probabilities."""
    tally, of, head = Tally(), rank.kernels, rank.head
    logits: Number = 0.0
    for operators, multiplication in zip(head.kernels, head.multiplications, strict=True):
        part = operators[0].part
        if multiplication is not None:
            gemm, read = head.multiplied(multiplication, rows)
            tally.add(part, kernel.multiply(gemm, read, of, of.head))
            logits = gemm.m * gemm.n * rank.links.groups.tensor.ranks
        else:
            tally.add(part, without_shape(operators[0], rows, of))
        for operator in operators:
            if operator.moved is not None:
                wide = any(tensor.width == "loss" for tensor in operator.inputs)
                tally.add(part, kernel.move(operator.moved * rows, of, 4.0 if wide else of.stream_bytes))
    tally.add("tp_comm", {"communication": rank.links.all_gather_seconds(logits * of.stream_bytes)})
    return tally


def _stages(rank: Rank, tallies: tuple[Tally, list[Tally], Tally, Tally], flow: Flow) -> Pass:
    """The stage of the embedding or that of the head, whichever takes longer; and all of them one after the other."""
    embedding, layers, head, transfer = tallies
    layout, on_first, on_last = rank.plan.layout, rank.on_first, rank.on_last
    alone = where(layout.pp == 1, 1.0, 0.0)
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
    gap = gap_seconds(rank.plan, flow)
    _host(rank, stage, gap * total(counts), flow)
    _host(rank, whole, gap * sum(layer.count for layer in rank.layers), flow)
    return Pass(stage, whole)


def gap_seconds(plan: InferencePlan, flow: Flow) -> Number:
    """Between a layer's kernels: steps of decoding alone are captured as graphs, where the plan has these."""
    one_by_one = plan.engine.launch_seconds_per_layer
    return where(flow.prompts.tokens > 0, one_by_one, 0.0 if plan.cuda_graphs else one_by_one)


def _host(rank: Rank, tally: Tally, gaps: Number, flow: Flow) -> None:
    """Gaps between kernels that are launched one by one, and what the host does between passes."""
    engine = rank.plan.engine
    sequences = flow.prompts.sequences + flow.decoding.sequences
    between = engine.host_seconds_per_step + engine.host_seconds_per_sequence * sequences
    tally.add("launch", {"launch": gaps})
    tally.add("host", {"host": between + 0.0 * gaps})
