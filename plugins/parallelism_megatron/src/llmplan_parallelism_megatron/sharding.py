"""Who holds and computes what: tensor parallel ranks and pipeline stages."""

from __future__ import annotations

from math import inf

from llmplan.quantities import Number, ceil, floor, minimum, total, where
from llmplan.records import Block, Layout, LoweredModel, Operator, Split, Tensor


def rank_of(model: LoweredModel, layout: Layout) -> LoweredModel:
    """The model as one tensor parallel rank sees it: its share of every operator, tensor and parameter.

    q, over which the sequence split divides, is t with sequence parallelism, else 1 (Korthikanti et al. 2022,
    arXiv:2205.05198, section 4.2.2).
    """
    tp = layout.tp
    q = where(layout.sequence_parallel, tp, 1)
    layers = tuple([_block(block, tp, q) for block in model.layers])
    return LoweredModel(_block(model.embedding, tp, q), layers, _block(model.head, tp, q))


def ways(tp: Number, max_ways: float) -> Number:
    """Ranks that something is divided over: t, or all that there are parts for, the other ranks holding copies."""
    return tp if max_ways == inf else minimum(tp, max_ways)


def _block(block: Block, tp: Number, q: Number) -> Block:
    """Matrices are divided, biases and norms are held by every rank."""
    operators = tuple([_operator(operator, tp, q) for operator in block.operators])
    whole, divided = block.weights, total(operator.weights for operator in operators)
    own = block.parameters - whole + divided + block.shared_parameters * (1 - 1 / tp)
    return Block(operators, own, block.count, block.shared_parameters / tp)


def _operator(operator: Operator, tp: Number, q: Number) -> Operator:
    ranks = ways(tp, operator.max_ways)
    return Operator(
        operator.name,
        operator.part,
        operator.flops / ranks,
        operator.weights / ranks,
        tuple([_tensor(tensor, tp, q) for tensor in operator.inputs]),
        operator.reduced_elements,
        operator.recomputed_from,
        weights_read=None if operator.weights_read is None else operator.weights_read / ranks,
    )


def _tensor(tensor: Tensor, tp: Number, q: Number) -> Tensor:
    ranks = q if tensor.split is Split.SEQUENCE else ways(tp, tensor.max_ways)
    return Tensor(tensor.elements / ranks, tensor.split, tensor.width, tensor.dropped_from, tensor.fusible)


def stage_share(model: LoweredModel, layout: Layout) -> Number:
    """floor(L/p) / L: the share of the layers on one pipeline stage, as the published tables count it."""
    layers = _layers(model)
    return floor(layers / layout.pp) / layers


def fullest_stage_share(model: LoweredModel, layout: Layout) -> Number:
    """ceil(L/p) / L: the share of the layers on the stage that holds the most."""
    layers = _layers(model)
    return ceil(layers / layout.pp) / layers


def _layers(model: LoweredModel) -> int:
    return sum(block.count for block in model.layers)
