"""What of a model is on one rank: states, stages and the ends of the model, by hand."""

import pytest

from llmplan.records import Block, Gemm, Layout, LoweredModel, Operator, State
from llmplan_costing.sharding import end_parameters, fullest_stage_share, rank_of, stage_counts, stage_share


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
