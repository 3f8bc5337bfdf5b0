"""From layers to a forward pass: what each stage takes, what the host adds, what crosses from stage to stage."""

from __future__ import annotations

from attrs import define

from llmplan.arrays.quantities import Number
from llmplan_costing.sharding import ways
from llmplan_parallelism_megatron.serving import kernels as kernel
from llmplan_parallelism_megatron.serving.extent import Flow
from llmplan_parallelism_megatron.serving.host import add_host
from llmplan_parallelism_megatron.serving.layers import layer_tally, without_shape
from llmplan_parallelism_megatron.serving.rank import Rank
from llmplan_parallelism_megatron.serving.tally import Tally
from llmplan_parallelism_megatron.stages import slowest_stage


@define(eq=False, repr=False)
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
    add_states(layers[0], flow, rank)
    transfer = Tally()
    sent = rank.state_elements * flow.tokens * rank.kernels.stream_bytes
    transfer.add_for("pp_comm", "communication", rank.links.transfer_seconds(sent, layout))
    return _stages(rank, layers, (embedding, head), transfer, flow)


def add_states(first: Tally, flow: Flow, rank: Rank) -> None:
    """Of layers that look back by no attention: what they keep is read and written, all of it with the first."""
    if any(layer.attends for layer in rank.layers):
        return
    cache = rank.plan.model.kv_cache(flow.decoding.sequences, flow.decoding.end)
    held = cache.elements / ways(rank.plan.layout.tp, cache.max_ways) / rank.layers[0].count
    first.add("kv_cache", kernel.look_back(2.0 * held, 0.0 * held, 0.0 * held, rank.kernels))


def head_tally(rows: Number, rank: Rank) -> Tally:
    """Final norm, logits in 16 bits, and sampling, which reads them in 32 bits and writes probabilities."""
    tally, kernels, head = Tally(), rank.kernels, rank.head
    logits: Number = 0.0
    for operators, multiplication in zip(head.kernels, head.multiplications, strict=True):
        first = operators[0]
        if multiplication is not None:
            gemm, read = head.multiplied(multiplication, rows)
            tally.add(first.part, kernel.multiply(gemm, read, kernels, kernels.head))
            logits = gemm.m * gemm.n * rank.links.groups.tensor.ranks
        else:
            tally.add(first.part, without_shape(first, rows, kernels))
        for operator in operators:
            if operator.moved is not None:
                wide = any(tensor.width == "loss" for tensor in operator.inputs)
                tally.add(
                    first.part, kernel.move(operator.moved * rows, kernels, 4.0 if wide else kernels.stream_bytes)
                )
    if kernels.engine.divides_head:
        tally.add_for("tp_comm", "communication", rank.links.all_gather_seconds(logits * kernels.stream_bytes))
    return tally


def _stages(rank: Rank, layers: list[Tally], ends: tuple[Tally, Tally], transfer: Tally, flow: Flow) -> Pass:
    """The slowest stage; and all of them one after the other."""
    pp, (embedding, head) = rank.plan.layout.pp, ends
    each = [layer.seconds for layer in layers]
    slowest = slowest_stage(rank.ends, lambda stage: stage.total(each, embedding.seconds, head.seconds))
    parts = [*layers, embedding, head, transfer]
    kinds = [1.0 * layer.count for layer in rank.layers]
    stage = Tally.of([*slowest.counts, slowest.first, slowest.last, 1.0], parts)
    whole = Tally.of([*kinds, 1.0, 1.0, pp - 1.0], parts)
    add_host(rank, stage, slowest.counts, flow)
    add_host(rank, whole, kinds, flow)
    return Pass(stage, whole)
