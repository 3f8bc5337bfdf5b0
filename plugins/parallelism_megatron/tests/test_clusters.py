"""Collectives over the levels that their groups cross, by hand and as laws."""

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given, settings, strategies as st
from megatron_plans import BUSY, CURVES, GPU, MEGATRON, SPARSE, flat, legal_plans, one_of, plan

from llmplan.errors import BadInputError
from llmplan.records import Cluster, Level
from llmplan_parallelism_megatron.kernels.reached import training_kernels
from llmplan_parallelism_megatron.network import collectives
from llmplan_parallelism_megatron.network.groups import Group

OPERATIONS = {
    "all_reduce": (collectives.all_reduce_seconds, 2),
    "all_gather": (collectives.all_gather_seconds, 1),
    "reduce_scatter": (collectives.reduce_scatter_seconds, 1),
    "all_to_all": (collectives.all_to_all_seconds, 1),
}
NODE = Level(size=8, bytes_per_second=3e11)
TREE = Cluster(
    levels=(NODE, Level(size=64, bytes_per_second=5e10), Level(bytes_per_second=5e10, oversubscription=4.0)),
    host_bytes_per_second=6e10,
)
TORUS = Cluster(
    levels=(Level(topology="torus", dimensions=(4, 4, 8), bytes_per_second=6e11), Level(bytes_per_second=5e9)),
    gpus_per_node=4,
)
MESH = Cluster(
    levels=(Level(topology="full-mesh", size=8, bytes_per_second=4.2e11), Level(bytes_per_second=5e10)),
    host_bytes_per_second=6e10,
)
UNEVEN = Cluster(
    levels=(evolve(NODE, smaller_groups={"2": 5e10, "4": 2e11}), Level(bytes_per_second=1e10, latency_seconds=4e-5)),
    host_bytes_per_second=6e10,
)
CLUSTERS = {"tree": TREE, "torus": TORUS, "mesh": MESH, "uneven": UNEVEN}


def kernels_in(cluster, curves=None):
    """Those of a plan in that cluster, flat ones by default."""
    return training_kernels(plan(curves=curves or flat(), hardware=evolve(GPU, cluster=cluster)))


def test_a_tree_of_three_levels_by_hand():
    """The links of the spine would be forgotten, or asked to carry what leaves have summed already."""
    of, message = kernels_in(TREE), 1e9
    # 256 ranks: 8 in a node, 8 nodes in a leaf, 4 leaves; each level moves what is left of the message, a ring of all
    # ranks all but the share of one
    node, leaf = 2 * message * 7 / 8 / 3e11, 2 * message / 8 * 63 / 64 / 5e10
    spine = 2 * message / 64 * 255 / 256 / 1.25e10
    assert collectives.all_reduce_seconds(message, Group(256, 1), of) == pytest.approx(max(node, leaf, spine))
    # nothing of what each rank sends each other one of another leaf is in common
    exchanged = message * 3 / 4 / 1.25e10
    assert collectives.all_to_all_seconds(message, Group(256, 1), of) == pytest.approx(exchanged)
    # ranks of different leaves share nothing below the spine
    alone = message * 3 / 4 / 1.25e10
    assert collectives.all_gather_seconds(message, Group(4, 64), of) == pytest.approx(alone)
    assert collectives.point_to_point_seconds(message, 63, of) == pytest.approx(message / 5e10)
    assert collectives.point_to_point_seconds(message, 64, of) == pytest.approx(message / 1.25e10)


def test_a_torus_by_hand():
    """A ring of four would be given the links of all three axes, and steps of a ring of all ranks."""
    of, message = kernels_in(TORUS), 1e9
    assert collectives.all_gather_seconds(message, Group(4, 1), of) == pytest.approx(message * 3 / 4 / 2e11)
    assert collectives.all_gather_seconds(message, Group(128, 1), of) == pytest.approx(message * 127 / 128 / 6e11)
    assert collectives.all_to_all_seconds(message, Group(8, 16), of) == pytest.approx(message * 8 / 4 / 2e11)
    slow = kernels_in(TORUS, CURVES)
    small = collectives.all_gather_seconds(1e-3, Group(128, 1), slow)
    assert small == pytest.approx(1e-5 + (2 + 2 + 4) * 1e-6, rel=1e-3)
    assert collectives.point_to_point_seconds(message, 4, of) == pytest.approx(message / 1e11)


def test_two_of_a_mesh_by_hand():
    """A pair would be given seven links."""
    of, message = kernels_in(MESH), 1e9
    assert collectives.all_reduce_seconds(message, Group(2, 1), of) == pytest.approx(2 * message / 2 / 6e10)
    assert collectives.all_reduce_seconds(message, Group(8, 1), of) == pytest.approx(2 * message * 7 / 8 / 4.2e11)


def test_the_latency_of_a_level_is_its_own():
    """A cluster that says how long a step takes would have that of the accelerator's timings."""
    of = kernels_in(UNEVEN, CURVES)
    assert collectives.all_gather_seconds(1e-6, Group(4, 8), of) == pytest.approx(3 * 4e-5, rel=1e-3)


@pytest.mark.parametrize("cluster", CLUSTERS.values(), ids=CLUSTERS)
@settings(max_examples=30, deadline=None)
@given(power=st.integers(0, 7), stride=st.integers(0, 4), message=st.floats(1.0, 1e10), links=st.floats(1.0, 8.0))
def test_laws_of_collectives(cluster, power, stride, message, links):
    """More bytes, or slower links, would take less time; an array of groups would not be what each is alone."""
    of, faster = kernels_in(cluster, CURVES), kernels_in(evolve(cluster, levels=_times(cluster.levels, links)), CURVES)
    ranks = 2.0**power
    for seconds_of, _ in OPERATIONS.values():
        group = Group(ranks, 2.0**stride, 128.0)
        seconds = seconds_of(message, group, of)
        assert seconds <= seconds_of(1.5 * message, group, of)
        assert seconds_of(message, group, faster) <= seconds * (1 + 1e-9)
        many = Group(np.array([1.0, ranks, 2.0]), np.array([1.0, 2.0**stride, 4.0]), np.array([128.0, 128.0, 64.0]))
        assert seconds_of(np.array([message] * 3), many, of)[1] == seconds


def _times(levels, links):
    return tuple(
        evolve(
            level,
            bytes_per_second=level.bytes_per_second * links,
            smaller_groups={size: link * links for size, link in level.smaller_groups.items()},
        )
        for level in levels
    )


@pytest.mark.parametrize("cluster", CLUSTERS.values(), ids=CLUSTERS)
def test_plans_in_a_cluster_are_what_each_is_alone_and_within_bounds(cluster):
    """A search would rank by figures that no plan has, or pass over the best plan."""
    random = np.random.default_rng(3)
    together = legal_plans(SPARSE, random, 40, hardware=evolve(GPU, cluster=cluster), framework=BUSY)
    estimate, (seconds, memory) = MEGATRON.train(together), MEGATRON.bounds(together)
    assert (seconds <= estimate.iteration_seconds).all()
    assert (memory <= estimate.memory_bytes_per_gpu).all()
    for index in range(0, 40, 5):
        alone = MEGATRON.train(one_of(together, index))
        assert estimate.iteration_seconds[index] == alone.iteration_seconds


def test_a_group_that_leaves_the_cluster_is_refused():
    """A run on more chips than a slice holds would be priced as if it held them."""
    small = evolve(GPU, cluster=evolve(TORUS, levels=TORUS.levels[:1]))
    with pytest.raises(BadInputError, match="dp: 256 leaves the scale-up domain of round-numbers, 128"):
        MEGATRON.check(plan(SPARSE, dp=256, hardware=small))
    two = evolve(GPU, cluster=Cluster(levels=(NODE, Level(size=64, bytes_per_second=5e10))))
    with pytest.raises(BadInputError, match="dp: 128 leaves the cluster, which holds 64"):
        MEGATRON.check(plan(SPARSE, dp=128, hardware=two))
