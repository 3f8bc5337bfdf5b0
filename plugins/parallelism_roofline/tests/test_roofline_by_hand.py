"""Terms of ``roofline`` that show in few plans, each by hand."""

import pytest
from attrs import evolve
from roofline_plans import DTYPE, GPU, GROUPED, MODEL, ROOFLINE, inference, training

from llmplan.records import Block, Cluster, Efficiency, Level, Operator, Recompute, Tensor
from llmplan_parallelism_roofline.collectives import all_reduce_seconds, tp_link_bytes_per_second
from llmplan_parallelism_roofline.memory import state_bytes_per_parameter
from llmplan_parallelism_roofline.seconds import (
    embedding_seconds,
    operator_bytes,
    part_seconds,
    reduction_seconds,
    training_score_traffic,
)

TABLE = 1000 * 64
SHARES = Efficiency(scale_up=0.5, scale_out=0.25)


def link(tp, *levels):
    """Bytes a second that a group of ranks reaches on such a cluster."""
    hardware = evolve(GPU, cluster=Cluster(levels=levels)) if levels else GPU
    return tp_link_bytes_per_second(training(tp=tp, hardware=hardware, efficiency=SHARES))


def test_a_group_has_the_slowest_link_that_it_crosses():
    """A whole domain would be priced as the network, or a group on a torus have links along axes that it leaves out."""
    assert [link(tp) for tp in (4, 8, 16)] == [0.5e11, 0.5e11, 0.25e10]
    torus = Level(topology="torus", dimensions=(4, 8), bytes_per_second=1e11)
    assert [link(tp, torus, Level(bytes_per_second=1e9)) for tp in (4, 32, 64)] == [0.25e11, 0.5e11, 0.25e9]
    three = (Level(size=2, bytes_per_second=1e11), Level(size=4, bytes_per_second=1e10), Level(bytes_per_second=1e9))
    assert [link(tp, *three) for tp in (2, 4, 8)] == [0.5e11, 0.25e10, 0.25e9]


def test_an_all_reduce_moves_every_byte_twice():
    """A rank would send its own share, or one alone wait for the least time of a ring."""
    assert all_reduce_seconds(1e9, 4, 1e9) == 2 * 3 / 4
    assert all_reduce_seconds(1e3, 4, 1e9) == 8e-6
    assert all_reduce_seconds(1e9, 1, 1e9) == 0


@pytest.mark.parametrize(("zero", "each"), [(0, 2 + 2 + 12), (1, 2 + 2 + 3), (2, 2 + 0.5 + 3), (3, 0.5 + 0.5 + 3)])
def test_states_of_a_parameter(zero, each):
    """ZeRO would divide what it leaves whole, or the fuller end of a pipeline be looked for by other bytes."""
    assert state_bytes_per_parameter(training(dp=4, zero=zero)) == each
    held = ROOFLINE.train(training(GROUPED, dp=4, zero=zero)).memory_breakdown
    states = held["weights"] + held["gradients"] + held["optimizer"]
    assert states == pytest.approx(each * sum(GROUPED.parameters_by_part().values()))


def test_the_first_stage_keeps_more_micro_batches_and_the_last_the_logits():
    """Both ends would be counted together, or the emptier one be taken."""
    deep = evolve(MODEL, layers=32)
    first = ROOFLINE.train(training(deep, pp=2, gradient_accumulation=8)).memory_breakdown["activations"]
    alone = ROOFLINE.train(training(deep, gradient_accumulation=8)).memory_breakdown["activations"]
    logits = ROOFLINE.train(training(evolve(deep, vocab=1_000_000), pp=2)).memory_breakdown["activations"]
    kept = alone - head_bytes(1000)
    assert first == pytest.approx(2 * kept / 2)
    assert logits == pytest.approx(kept / 2 + head_bytes(1_000_000))


def test_states_of_the_ends_decide_which_is_fuller():
    """The last stage would be the fuller one as soon as its activations are more than the first one's parameters."""
    six = evolve(MODEL, layers=6)
    kept = ROOFLINE.train(training(six)).memory_breakdown["activations"] - head_bytes(1000)
    assert kept / 2 > head_bytes(1000) > 2 * TABLE + kept / 2 - head_bytes(1000)
    assert ROOFLINE.train(training(six, pp=2)).memory_breakdown["activations"] == pytest.approx(kept)


def head_bytes(vocab):
    """Kept of the head by two sequences of 128 tokens: states before and behind its norm, and logits in 32 bits."""
    return 256 * (2 * 64 * 2 + vocab * 4)


def test_what_a_server_holds():
    """A stage of several would hold both ends, or activations be those of scores that stay on the chip."""
    each = GROUPED.lower(1, 1).layers[0].parameters
    held = ROOFLINE.infer(inference(GROUPED, pp=2)).memory_breakdown
    assert held["weights"] == 2 * (2 * each + TABLE + 64)
    assert held["kv_cache"] == 2 * 2 * 3 * 120 * 16 * 2 * 2  # two batches of two layers
    narrow = evolve(DTYPE, weight_bits=8, embedding_bits=32)
    assert ROOFLINE.infer(inference(GROUPED, pp=2, dtype=narrow)).memory_breakdown["weights"] == 2 * each + 4 * (
        TABLE + 64
    )
    assert ROOFLINE.infer(inference()).memory_breakdown["activations"] == 3 * 100 * 256 * 2


MIXED = evolve(DTYPE, weight_bits=4, activation_bits=8, embedding_bits=32)


def test_bytes_of_an_operator():
    """Inputs would be as wide as weights, scores be counted that are not there, or experts be read that nobody asks."""
    plan = training(dtype=MIXED)
    inputs = (Tensor(4.0), Tensor(2.0, width="embedding"), Tensor(6.0, fusible=True))
    operator = Operator("o", "p", weights=8.0, inputs=inputs)
    assert operator_bytes(operator, plan, 1.0) == (8 * 4 + 4 * 8 + 2 * 32 + 6 * 8) / 8
    assert operator_bytes(operator, plan, 0.0) == (8 * 4 + 4 * 8 + 2 * 32) / 8
    assert operator_bytes(evolve(operator, weights_read=2.0), plan, 0.0) == (2 * 4 + 4 * 8 + 2 * 32) / 8


def test_a_server_moves_scores_once():
    """Prompts would leave scores on the chip, which the published tables count, or move them twice."""
    slow = inference(efficiency=Efficiency(hbm=1e-3))
    moved = 4 * 64**2 * 2 + 3 * 100 * (64 + 4 * 64) * 2 + 2 * 3 * 8 * 100**2 * 2
    assert ROOFLINE.infer(slow).prefill_breakdown["attention"] == pytest.approx(4 * moved / 1e9)


@pytest.mark.parametrize(
    ("mode", "counted"), [(Recompute.NONE, 1), (Recompute.ATTENTION_COMPUTE, 0), (Recompute.FULL, 0)]
)
def test_scores_are_counted_where_they_are_kept(mode, counted):
    """Selective recomputation would move them all the same."""
    assert training_score_traffic(training(recompute=mode)) == counted


def test_a_part_computes_or_moves_as_a_whole():
    """Each operator would be bound by itself, or a part by its last one."""
    plan = training(dtype=MIXED, efficiency=Efficiency(flops=0.5, hbm=0.25))
    operators = [
        Operator("a", "mlp", 3e14),
        Operator("b", "mlp", 1e14, weights=8e12),
        Operator("c", "norm", inputs=(Tensor(1e12),)),
    ]
    assert part_seconds(operators, plan, 1.0) == {"mlp": 16, "norm": 4}
    wide = evolve(plan, efficiency=Efficiency(flops=0.125, hbm=0.25))
    assert part_seconds(operators, wide, 1.0) == {"mlp": 32, "norm": 4}


def test_the_embedding_reads_its_whole_table():
    """A rank would read its part of it, what stands before text be free, or states be summed in other bits."""
    plan = training(dtype=MIXED, tp=4, efficiency=Efficiency(flops=0.5, hbm=0.25))
    looking = Operator("lookup", "e", 2e14, weights=1e12, reduced_elements=1e11)
    block = Block((looking,), 0.0)
    summed = 2 * (1e11 * 4) * 3 / 4 / 1e11
    assert reduction_seconds(block.operators, plan, "embedding") == pytest.approx(summed)
    assert reduction_seconds(block.operators, plan, "activation") == pytest.approx(summed / 4)
    assert embedding_seconds(block, plan) == pytest.approx(4 * 1e12 * 4 / 2.5e11 + 2e14 / 5e13 + summed)
