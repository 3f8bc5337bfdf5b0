"""Collectives on clusters that are no switch with a network behind, and where small domains beat a large one."""

import pytest
from attrs import evolve
from megatron_plans import GPU, OPERATIONS, flat, plan

from llmplan.records import Cluster, CollectiveCurve, Level
from llmplan_parallelism_megatron.kernels.reached import training_kernels
from llmplan_parallelism_megatron.network import collectives
from llmplan_parallelism_megatron.network.collectives import Across, all_gather_seconds, own_seconds
from llmplan_parallelism_megatron.network.groups import Group

NODE = Level(size=8, bytes_per_second=3e11)
NODES = Level(topology="torus", dimensions=(4, 8), bytes_per_second=4e10)
"""Of nodes, four along one axis and eight along the other."""


def kernels(*levels, **curves):
    """On accelerators that these levels join."""
    cluster = Cluster(levels=levels, host_bytes_per_second=6e10)
    return training_kernels(plan(curves=flat(**curves), hardware=evolve(GPU, cluster=cluster)))


@pytest.mark.parametrize(
    ("group", "steps"),
    [(Group(32, 1), 2), (Group(4, 8), 2), (Group(8, 32), 4), (Group(64, 4), 2 + 4), (Group(32, 8), 2 + 4)],
)
def test_groups_lie_on_a_torus_of_nodes_as_their_nodes_do(group, steps):
    """A stride would be counted in accelerators where axes are of nodes, so that a group lies on another axis."""
    of = kernels(NODE, NODES)
    nodes = group.ranks * group.stride / 8 if group.stride < 8 else group.ranks
    link, around = Across("all_gather", 1.0, 1, nodes, group, 1.0).link(of)
    assert around == steps
    assert link == (4e10 if steps == 6 else 2e10)  # over both axes, or one of them


def test_the_first_level_is_laid_out_in_accelerators():
    """Axes of accelerators would be taken for those of nodes."""
    for beyond in (None, 64):
        of = kernels(evolve(NODES, bytes_per_second=4e11), Level(size=beyond, bytes_per_second=5e10))
        assert Across("all_gather", 1.0, 0, 4, Group(4, 1), 1.0).link(of) == (2e11, 2)
        assert Across("all_gather", 1.0, 0, 8, Group(8, 4), 1.0).link(of) == (2e11, 4)


def test_own_kernels_run_on_the_first_level():
    """They would cross the network, or lie on no torus."""
    curve = CollectiveCurve(plateau=1.0, step_seconds=1.0)
    assert own_seconds(curve, 1e12, Group(4, 1), kernels(NODE, Level(bytes_per_second=5e10))) == pytest.approx(
        3 + 1e12 * 3 / 4 / 3e11
    )
    torus = kernels(evolve(NODES, bytes_per_second=4e11), Level(bytes_per_second=5e10))
    assert own_seconds(curve, 1e12, Group(4, 1), torus) == pytest.approx(2 + 1e12 * 3 / 4 / 2e11)


@pytest.mark.parametrize("beyond", [Level(bytes_per_second=1e12), NODES])
def test_latencies_are_those_of_each_level(beyond):
    """A step inside a node would take as long as one between nodes."""
    of = kernels(evolve(NODE, latency_seconds=1.0), evolve(beyond, latency_seconds=100.0))
    assert all_gather_seconds(1e3, Group(4, 1), of) == pytest.approx(3, rel=1e-6)
    timed = kernels(NODE, evolve(beyond, latency_seconds=100.0))
    assert all_gather_seconds(3e11, Group(4, 1), timed) == pytest.approx(3 / 4)


def test_a_single_level_is_used_as_it_is():
    """Accelerators that nothing else joins would be split into domains with nothing between them."""
    steps = CollectiveCurve(plateau=1.0, step_seconds=1.0)
    of = kernels(evolve(NODE, size=32), collectives=dict.fromkeys(OPERATIONS, steps))
    assert all_gather_seconds(1e3, Group(32, 1), of) == pytest.approx(31, rel=1e-6)
    assert all_gather_seconds(1e3, Group(1, 1), of) == 0


def test_a_large_domain_is_used_as_the_best_of_smaller_ones():
    """One of 32 would be used as eights alone, or as a whole, where halves of it are fastest."""
    steps = dict.fromkeys(OPERATIONS, CollectiveCurve(plateau=1.0, step_seconds=1.0))
    of = kernels(evolve(NODE, size=32), Level(bytes_per_second=6e9), collectives=steps)
    message = 1e12
    inside = {d: d - 1 + message * (d - 1) / d / 3e11 for d in (8, 16, 32)}
    between = {d: message / d * (31 / 32) / 6e9 for d in (8, 16)}
    ways = [max(inside[d], between.get(d, 0.0)) for d in (8, 16, 32)]
    assert all_gather_seconds(message, Group(32, 1), of) == pytest.approx(min(ways))
    assert min(ways) == ways[1]
    torus = kernels(evolve(NODE, size=32), evolve(NODES, bytes_per_second=6e10), collectives=steps)
    assert all_gather_seconds(1e3, Group(32, 1), torus) == pytest.approx(7, rel=1e-6)


def test_a_torus_is_never_split():
    """A torus would be used as several small switches."""
    steps = CollectiveCurve(plateau=1.0, step_seconds=1.0)
    torus = Level(topology="torus", dimensions=(64,), bytes_per_second=3e11)
    of = kernels(torus, Level(bytes_per_second=5e10), collectives=dict.fromkeys(OPERATIONS, steps))
    assert all_gather_seconds(1e3, Group(64, 1), of) == pytest.approx(32, rel=1e-6)


def test_a_message_to_the_next_rank():
    """It would cross the network inside a domain, start for nothing, or take the whole link of a mesh."""
    of = kernels(NODE, Level(size=64, bytes_per_second=5e10), Level(bytes_per_second=2e10, latency_seconds=1.0))
    seconds = [collectives.point_to_point_seconds(6e11, span, of) for span in (7, 8, 63, 64)]
    assert seconds == [pytest.approx(2), pytest.approx(12), pytest.approx(12), pytest.approx(1 + 30)]
    mesh = kernels(evolve(NODE, topology="full-mesh"), Level(bytes_per_second=5e10))
    assert collectives.point_to_point_seconds(6e11, 1, mesh) == pytest.approx(2 * 7)
