"""Which share of a model a rank holds and computes: tensor and expert parallel ranks, pipeline stages."""

from __future__ import annotations

from functools import lru_cache
from math import inf
from typing import NamedTuple

from llmplan.arrays.quantities import Number, ceil, floor, maximum, minimum, total, where
from llmplan.records import Block, Gemm, Layout, LoweredModel, ModelArchitecture, Operator, Split, State, Tensor


def rank_of(model: LoweredModel, layout: Layout, expert_tp: Number | None = None) -> LoweredModel:
    """The model as one tensor parallel rank sees it: its share of every operator, tensor and parameter.

    q, over which the sequence split divides, is t with sequence parallelism, else 1 (Korthikanti et al. 2022,
    arXiv:2205.05198, section 4.2.2). The matrices of an expert are divided over `expert_tp` ranks, t where None.
    """
    within = layout.tp if expert_tp is None else expert_tp
    ranks = Ranks(layout.tp, where(layout.sequence_parallel, layout.tp, 1), layout.ep, within)
    layers = tuple([_block(block, ranks) for block in model.layers])
    return LoweredModel(_block(model.embedding, ranks), layers, _block(model.head, ranks))


class Ranks(NamedTuple):
    """Over how many ranks a layer is divided."""

    tp: Number
    q: Number
    """Ranks over which the sequence split divides."""
    ep: Number
    within: Number
    """Ranks over which an expert's matrices are divided."""


def ways(tp: Number, max_ways: float) -> Number:
    """Ranks that something is divided over: t, or all that there are parts for, the other ranks holding copies."""
    return tp if max_ways == inf else minimum(tp, max_ways)


def _block(block: Block, ranks: Ranks) -> Block:
    """Matrices are divided, biases and norms are held by every rank."""
    tp = ranks.tp
    operators = tuple([_operator(operator, ranks) for operator in block.operators])
    whole, divided = block.weights, total(operator.weights for operator in operators)
    own = block.parameters - whole + divided + block.shared_parameters * (1 - 1 / tp)
    experts = block.expert_parameters and block.expert_parameters / (ranks.within * ranks.ep)
    return Block(operators, own, block.count, block.shared_parameters / tp, experts, block.leading)


def _operator(operator: Operator, ranks: Ranks) -> Operator:
    tp, q, ep, within = ranks
    divided = ways(tp, operator.max_ways)
    gemm, in_sequence = operator.gemm, operator.moved_split is Split.SEQUENCE
    inside = ways(within, operator.max_ways)
    holders = inside * ep if gemm is not None and gemm.routed else divided
    return Operator(
        operator.name,
        operator.part,
        operator.flops / divided,
        operator.weights / holders,
        tuple([_tensor(tensor, tp, q) for tensor in operator.inputs]),
        operator.reduced_elements,
        operator.recomputed_from,
        weights_read=None if operator.weights_read is None else operator.weights_read / holders,
        gemm=None if gemm is None else _gemm(gemm, divided, inside, ep),
        scores=operator.scores,
        works=operator.works,
        state=None if operator.state is None else _state(operator.state, tp),
        moved=None if operator.moved is None else operator.moved / (q if in_sequence else divided),
        exchanged=None if operator.exchanged is None else operator.exchanged / q,
    )


def _state(state: State, tp: Number) -> State:
    return State(state.elements / ways(tp, state.ways), state.bits)


def _gemm(gemm: Gemm, divided: Number, inside: Number, ep: Number) -> Gemm:
    """Columns or the sum are divided; of the experts a rank has 1/ep, each with the tokens of ep ranks, of which a
    tensor parallel group has the same ones.
    """
    ranks = inside if gemm.routed else divided
    n, k = (gemm.n, gemm.k / ranks) if gemm.splits_sum else (gemm.n / ranks, gemm.k)
    if not gemm.routed:
        return Gemm(gemm.m, n, k, gemm.groups, splits_sum=gemm.splits_sum, joins=gemm.joins, matrices=gemm.matrices)
    groups = gemm.groups / ep
    return Gemm(
        gemm.m * ep * inside / divided, n, k, groups, routed=True, splits_sum=gemm.splits_sum, matrices=gemm.matrices
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


def stage_counts(model: LoweredModel, layout: Layout) -> tuple[list[Number], list[Number]]:
    """Layers of each block on the first stage and on the last, which hold ceil(L/p) each.

    Leading layers fill the first stages; the others are spread evenly over what is left.
    """
    held = ceil(_layers(model) / layout.pp)
    leading = sum(block.count for block in model.layers if block.leading)
    others = _layers(model) - leading
    ahead, behind = minimum(held, leading), maximum(held - others, 0.0)

    def dealt(lead: Number) -> list[Number]:
        of_others = (held - lead) / others if others else 0.0
        of_leading = lead / leading if leading else 0.0
        return [block.count * (of_leading if block.leading else of_others) for block in model.layers]

    return dealt(ahead), dealt(behind)


def _layers(model: LoweredModel) -> int:
    return sum(block.count for block in model.layers)


def state_elements(model: LoweredModel) -> Number:
    """Of the residual stream: what leaves the embedding, for the whole tensor parallel group."""
    reduced = [operator.reduced_elements for operator in model.embedding.operators]
    return next((elements for elements in reduced if elements is not None), 0.0)


def layer_parameters(rank: LoweredModel, layout: Layout) -> Number:
    """Parameters of the layers of the fullest stage."""
    return fullest_stage_share(rank, layout) * total(block.count * block.parameters for block in rank.layers)


def end_parameters(rank: LoweredModel, alone: Number) -> tuple[Number, Number]:
    """Of the embedding on the first stage and the head on the last; one `alone` holds both, a tied table once."""
    embedding, head = rank.embedding.parameters, rank.head.parameters
    shared = rank.head.shared_parameters
    return embedding + alone * head, head + shared + alone * (embedding - shared)


@lru_cache(maxsize=256)
def most_parts(model: ModelArchitecture) -> dict[int, str]:
    """Into how many of what the operators of a layer can be divided at most; every rank holds what cannot be."""
    operators = (operator for block in model.lower(1, 1).layers for operator in block.operators)
    return {int(operator.max_ways): operator.parts for operator in operators if 1 < operator.max_ways < inf}
