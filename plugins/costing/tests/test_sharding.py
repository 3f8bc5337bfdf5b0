"""What of a model is on one rank: states, stages and the ends of the model, by hand."""

import pytest
from attrs import evolve

from llmplan.records import Block, Gemm, Layout, LoweredModel, Operator, Split, State, Tensor
from llmplan.testing import SAMPLE_MODEL
from llmplan_costing.sharding import (
    end_parameters,
    fullest_stage_share,
    layer_parameters,
    most_parts,
    rank_of,
    stage_counts,
    stage_share,
    state_elements,
)


def model(*, layers=10, leading=0, operators=(), tied=False):
    """So many layers, the first of which may be of another kind."""
    block = Block(tuple(operators), 7, layers - leading)
    first = (Block((), 11, leading, leading=True),) if leading else ()
    head = Block((Operator("logits", "head", weights=100),), 5 if tied else 105, shared_parameters=100 if tied else 0)
    return LoweredModel(Block((Operator("lookup", "embedding", weights=100),), 100), (*first, block), head)


def layout(**sizes):
    """Of one rank but for these."""
    given = {"tp": 1, "pp": 1, "dp": 1, **sizes}
    return Layout(gpus=given["tp"] * given["pp"] * given["dp"], **given)


def test_a_recurrent_state_is_divided_over_ranks_as_far_as_it_can_be():
    """A rank would keep the states of all heads, or of a part of a head."""
    carrying = Operator("scan", "mixer", state=State(1024.0, 32, ways=4))
    held = [rank_of(model(operators=[carrying]), layout(tp=tp)).layers[0].operators[0].state for tp in (1, 2, 8)]
    assert [state.elements for state in held] == [1024, 512, 256]
    assert {state.bits for state in held} == {32}


def divided(operator, **sizes):
    """The operator on one rank."""
    return rank_of(model(operators=[operator]), layout(**sizes)).layers[0].operators[0]


def test_a_matrix_is_divided_by_columns_or_by_its_sum():
    """A rank would multiply by all of a matrix, or by a part of it both ways."""
    gemm = Gemm(10.0, 32, 64, 2)
    up = divided(Operator("up", "mlp", 8e3, 4096.0, weights_read=1024.0, gemm=gemm), tp=4)
    assert (up.flops, up.weights, up.weights_read) == (2000, 1024, 256)
    assert (up.gemm.m, up.gemm.n, up.gemm.k, up.gemm.groups) == (10, 8, 64, 2)
    down = divided(Operator("down", "mlp", gemm=evolve(gemm, splits_sum=True)), tp=4)
    assert (down.gemm.m, down.gemm.n, down.gemm.k) == (10, 32, 16)
    few = divided(Operator("k", "attention", 8e3, 4096.0, max_ways=2, gemm=gemm), tp=4)
    assert (few.flops, few.weights, few.gemm.n) == (4000, 2048, 16)


@pytest.mark.parametrize(("sequence_parallel", "q"), [(False, 1), (True, 4)])
def test_what_lies_in_the_sequence_is_divided_by_sequence_parallelism(sequence_parallel, q):
    """Norms would be divided without it, or tensors inside a layer by it alone."""
    tensors = (Tensor(64.0, Split.SEQUENCE), Tensor(64.0), Tensor(64.0, max_ways=2))
    sizes = {"tp": 4, "sequence_parallel": sequence_parallel}
    given = Operator("o", "p", inputs=tensors, moved=64.0, exchanged=64.0)
    one = divided(given, **sizes)
    assert [tensor.elements for tensor in one.inputs] == [64 / q, 16, 32]
    assert (one.moved, one.exchanged) == (16, 64 / q)
    assert divided(evolve(given, moved_split=Split.SEQUENCE), **sizes).moved == 64 / q
    assert divided(Operator("o", "p"), **sizes).moved is None


def test_every_rank_holds_biases_and_norms_whole():
    """A rank would hold a part of a norm, or all of a matrix; a tied table would be held twice."""
    matrices = Operator("up", "mlp", weights=4096.0, gemm=Gemm(1.0, 64, 64))
    block = Block((matrices,), 4096 + 7, 3, shared_parameters=100, expert_parameters=64)
    (one,) = rank_of(LoweredModel(block, (block,), block), layout(tp=4, dp=2, ep=2)).layers
    assert one.parameters == 4103 - 4096 + 1024 + 100 * 3 / 4
    assert (one.shared_parameters, one.expert_parameters, one.count) == (25, 8, 3)


def test_experts_may_be_divided_over_fewer_ranks_than_layers():
    """An expert would be cut as often as attention, or its tokens be those of as many ranks."""
    routed = Operator("up", "mlp", 8e3, 4096.0, gemm=Gemm(12.0, 32, 64, 8, routed=True))
    lowered, sizes = model(operators=[routed]), layout(tp=4, dp=2, ep=2)
    (whole,) = rank_of(lowered, sizes).layers[0].operators
    assert (whole.gemm.m, whole.gemm.n, whole.gemm.groups, whole.weights) == (24, 8, 4, 512)
    (alone,) = rank_of(lowered, sizes, expert_tp=1).layers[0].operators
    assert (alone.gemm.m, alone.gemm.n, alone.gemm.groups, alone.weights) == (6, 32, 4, 2048)


def test_what_leaves_the_embedding_and_what_layers_hold():
    """States would be those of a rank, or a stage hold one layer's parameters."""
    assert state_elements(model()) == 0
    lookup = Operator("lookup", "embedding", reduced_elements=640.0)
    assert state_elements(LoweredModel(Block((Operator("o", "p"), lookup), 0), (), Block((), 0))) == 640
    assert layer_parameters(model(layers=10, leading=3), layout(pp=4)) == 0.3 * (3 * 11 + 7 * 7)


def test_parts_that_operators_can_be_divided_into():
    """A layout would be refused for what every rank holds, or for what divides without end."""
    assert most_parts(SAMPLE_MODEL) == {2: "heads", 4: "heads"}  # of keys and values, and of queries


def test_experts_of_a_rank_see_the_tokens_of_all_ranks_that_share_them():
    """Expert parallelism would divide the work as well as the weights."""
    routed = Operator("up", "mlp", flops=8e3, weights=800, gemm=Gemm(10.0, 8, 4, 8, routed=True))
    (one,) = rank_of(model(operators=[routed]), layout(dp=4, ep=4)).layers[0].operators
    assert (one.gemm.m, one.gemm.groups, one.weights) == (40, 2, 200)


def test_stages_hold_whole_layers():
    """A stage would hold a part of a layer, or be as full as all of them."""
    ten = model(layers=10)
    assert [fullest_stage_share(ten, layout(pp=pp)) for pp in (1, 3, 4, 10)] == [1, 0.4, 0.3, 0.1]
    assert [stage_share(ten, layout(pp=pp)) for pp in (1, 3, 4, 10)] == [1, 0.3, 0.2, 0.1]
    assert stage_counts(ten, layout(pp=4)) == ([3], [3])


def test_leading_layers_fill_the_first_stages():
    """Dense layers before the experts would be spread over all stages, where no program has them."""
    first, last = stage_counts(model(layers=10, leading=3), layout(pp=4))
    assert first == [3, 0]
    assert last == [0, pytest.approx(3)]
    alone = stage_counts(model(layers=10, leading=3), layout())
    assert alone == ([3, 7], [3, 7])
    assert stage_counts(model(layers=3, leading=3), layout(pp=3)) == ([1, 0], [1, 0])


@pytest.mark.parametrize(("tied", "together"), [(False, 205), (True, 105)])
def test_a_tied_table_is_held_once_where_both_ends_are(tied, together):
    """A model without a pipeline would hold its table twice, or a last stage miss the copy that it multiplies by."""
    ends = rank_of(model(tied=tied), layout())
    assert end_parameters(ends, 1.0) == (together, together)
    assert end_parameters(ends, 0.0) == (100, 105)
