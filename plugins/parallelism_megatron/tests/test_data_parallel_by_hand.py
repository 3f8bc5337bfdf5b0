"""What data parallel ranks gather and reduce, and what hides it, in round numbers."""

from types import SimpleNamespace

import pytest
from attrs import evolve
from megatron_plans import IDEAL, OPERATIONS, PLAIN, SPARSE, flat, plan

from llmplan.records import CollectiveCurve
from llmplan_parallelism_megatron.rank import Rank
from llmplan_parallelism_megatron.training.data_parallel import Traffic, traffic
from llmplan_parallelism_megatron.training.parameters import Parameters

LINK, NETWORK, HBM = 3e11, 5e10, 2e12
STARTING = flat(collectives=dict.fromkeys(OPERATIONS, CollectiveCurve(plateau=1.0, launch_seconds=1.0)))
"""Every collective inside a domain takes a second to start."""
HALVING = evolve(IDEAL, data_bandwidth=0.5)
DENSE, EXPERTS = 6e11, 3e11


def of(model=SPARSE, experts=EXPERTS, waiting=0.0, rounds=3, **changes):
    """Of a stage of so many parameters that computes 10 s forward and 100 s backward, in three micro-batches."""
    run = {"curves": STARTING, "framework": HALVING, "dp": 4, "gradient_bits": 32.0, "gradient_accumulation": rounds}
    rank = Rank.of(plan(model, **{**run, **changes}))
    parameters = Parameters(dense=DENSE, experts=experts, ends=0.0, head=0.0, adapters=0.0, expert_adapters=0.0)
    slowest = SimpleNamespace(forward_seconds=10.0, backward_seconds=100.0)
    return traffic(rank, parameters, SimpleNamespace(slowest=slowest, micro_batches=rounds), waiting)


def once(size, ranks, pieces=1, link=LINK):
    """A gather, or a reduce-scatter, of so many bytes at half of what the link does, in pieces that start apart."""
    return pieces + size / 0.5 * (ranks - 1) / ranks / link


def test_gradients_of_experts_are_reduced_beside_those_of_all_else():
    """Experts would be reduced for nothing, over the ranks of the dense weights, or gathered without ZeRO."""
    found = of(ep=2)
    assert (found.forward, found.hides_forward) == (0, 0)
    assert found.backward == pytest.approx(2 * once(4 * DENSE, 4) - 1 + 2 * once(4 * EXPERTS, 2) - 1)
    assert of(experts=0.0, ep=2).backward == pytest.approx(2 * once(4 * DENSE, 4) - 1)
    assert (of(dp=1).forward, of(dp=1).backward) == (0, 0)


@pytest.mark.parametrize(("dp", "cp"), [(2, 1), (1, 2), (2, 2)])
def test_all_that_hold_the_same_weights_exchange_gradients(dp, cp):
    """Two ranks would exchange none, or context parallel ones keep gradients of their own tokens."""
    assert of(PLAIN, experts=0.0, dp=dp, cp=cp).backward == pytest.approx(2 * once(4 * DENSE, dp * cp) - 1)


def test_zero_1_scatters_gradients_and_gathers_weights_once():
    """A rank would gather in each micro-batch, or start a collective for experts that it has not."""
    found = of(ep=2, zero=1)
    assert found.forward == pytest.approx(once(2 * DENSE, 4) + once(2 * EXPERTS, 2))
    assert found.backward == pytest.approx(once(4 * DENSE, 4) + once(4 * EXPERTS, 2))
    alone = of(experts=0.0, ep=2, zero=1)
    assert (alone.forward, alone.backward) == (pytest.approx(once(2 * DENSE, 4)), pytest.approx(once(4 * DENSE, 4)))


@pytest.mark.parametrize(("pp", "times"), [(1, 3), (2, 1)])
def test_zero_3_gathers_and_scatters_layer_by_layer(pp, times):
    """Layers of other stages would be gathered here, or all of a stage in one piece."""
    found, pieces = of(PLAIN, experts=0.0, zero=3, pp=pp), 8 / pp
    gathered, reduced = once(2 * DENSE, 4, pieces), once(4 * DENSE, 4, pieces)
    assert found.forward == pytest.approx(times * gathered)
    assert found.backward == pytest.approx((times * gathered if pp == 1 else 0) + times * reduced)


@pytest.mark.parametrize(("shard", "start", "link"), [(4, 1, LINK), (8, 0, NETWORK)])
def test_hybrid_shards_reduce_between_themselves(shard, start, link):
    """Copies of a shard would lie in another domain than they do, or reduce all gradients instead of their part."""
    found = of(PLAIN, experts=0.0, dp=2 * shard, zero=1, zero_group=shard)
    between = start + 2 * 4 * DENSE / shard / 0.5 * (1 / 2) / link
    assert found.forward == pytest.approx(once(2 * DENSE, shard))
    assert found.backward == pytest.approx(once(4 * DENSE, shard) + between)
    whole = of(PLAIN, experts=0.0, dp=shard, zero=1, zero_group=2 * shard)
    assert whole.backward == pytest.approx(once(4 * DENSE, shard))


@pytest.mark.parametrize(
    ("zero", "after", "forward", "backward"), [(1, False, 1, 1), (1, True, 0, 1), (2, False, 1, 3), (3, True, 3, 3)]
)
def test_passes_and_waiting_hide_traffic(zero, after, forward, backward):
    """Traffic would hide behind micro-batches that it does not run beside, or behind waiting that is not there."""
    framework = evolve(HALVING, data_overlap=0.5, gathers_after_step=after)
    found = of(PLAIN, experts=0.0, zero=zero, framework=framework, waiting=8.0)
    assert found.hides_forward == 0.5 * forward * (10 + 8 / 2)
    assert found.hides_backward == 0.5 * backward * (100 + 8 / 2)


@pytest.mark.parametrize(("zero", "gathered", "reduced"), [(0, 0, 1), (1, 1, 1), (2, 1, 3), (3, 3 + 3, 3)])
def test_what_is_divided_by_itself_is_copied_in_and_out(zero, gathered, reduced):
    """Weights would be copied in passes that do not gather them, or experts not be copied at all."""
    found = of(ep=2, zero=zero, framework=evolve(HALVING, copies_shards=True))
    weights, gradients = (DENSE + EXPERTS) * 2 * 2, (DENSE + EXPERTS) * (2 + 4)
    assert found.copying == pytest.approx((gathered * weights + reduced * gradients) / HBM)
    assert of(dp=1, zero=zero, framework=evolve(HALVING, copies_shards=True)).copying == 0
    assert of(ep=2, zero=zero).copying == 0


def test_what_does_not_hide_shows_and_what_hides_slows_the_rest():
    """Hiding would be free, or a pass hide more than there is to hide."""
    assert Traffic(5.0, 2.0, 7.0, 10.0).exposed == pytest.approx(3 + 0.189 * (2 + 7), rel=1e-12)
    assert Traffic(5.0, 2.0, 7.0, 3.0).exposed == pytest.approx(3 + 4 + 0.189 * (2 + 3), rel=1e-12)
    assert Traffic(5.0, 2.0, 7.0, 10.0, copying=4.0).exposed == pytest.approx(4 + 3 + 0.189 * 9, rel=1e-12)
