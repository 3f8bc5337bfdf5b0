"""Levels of a cluster and what their links come to, in small numbers by hand."""

import pytest
from attrs import evolve

from llmplan.errors import BadInputError
from llmplan.records.cluster import FULL_MESH, RING, TORUS, Cluster, Level, is_plain, two_levels
from llmplan.records.topology import Spanned, spanned


@pytest.mark.parametrize(
    ("n", "stride", "axes", "stretch", "steps"),
    [
        (1, 1, 0, 0, 0),
        (2, 1, 0.5, 2 / 0.5, 2),  # half of a line
        (4, 1, 1, 4, 2),  # around the first ring
        (8, 1, 1 + 0.5, 4, 2 + 2),  # and along two of the second axis
        (16, 1, 2, 4, 2 + 2),
        (4, 2, 1 / 2 + 0.5, 4, 1 + 2),  # every other one of the first ring, along two of the second axis
        (2, 2, 1 / 2, 2 / (1 / 2), 1),
        (4, 4, 1, 4, 2),
    ],
)
def test_groups_on_a_torus_of_four_by_four(n, stride, axes, stretch, steps):
    """A group would have links of its neighbours, or its bytes go fewer hops than it is wide."""
    lies = spanned((4.0, 4.0), n, stride, 1.0)
    assert (lies.axes, lies.stretch, lies.steps) == (axes, stretch, steps)


def test_axes_are_rings_where_their_length_wraps():
    """An axis of two would be a ring on slices that have none of so short a side."""
    assert spanned((2.0, 4.0), 8, 1, 4.0).axes == 0.5 + 1
    assert spanned((2.0, 4.0), 8, 1, 1.0).axes == 2


@pytest.mark.parametrize(
    ("level", "words"),
    [
        ({"topology": TORUS}, "dimensions: not given, and the topology is torus"),
        ({"dimensions": (2, 2)}, "dimensions: given, and the topology is switch"),
        ({"topology": TORUS, "dimensions": (0, 4)}, r"dimensions: \[0, 4\] are not whole numbers of at least 1"),
        ({"topology": TORUS, "slices": ((2, 2), (4, 0))}, r"dimensions: \[4, 0\] are not whole numbers"),
        ({"topology": TORUS, "slices": ((2, 2), (4,))}, "slices: not all have as many dimensions"),
        ({"topology": FULL_MESH}, "size: not given, and the topology is full-mesh"),
        ({"oversubscription": 0.5}, "oversubscription: 0.5 is below 1"),
    ],
)
def test_levels_that_cannot_be(level, words):
    """A slip of the pen would be priced as another cluster."""
    with pytest.raises(BadInputError, match=words):
        Level(**level)


def test_a_level_is_as_large_as_what_it_joins():
    """A torus would hold as many accelerators as it has hosts, or its smallest slice be all of it."""
    torus = Level(topology=TORUS, slices=((4, 4), (2, 2), (8, 4)))
    assert (torus.units, torus.widest, Level(size=8).widest, Level().units) == (32, float("inf"), 8, None)
    assert Cluster(levels=(Level(size=8), torus)).levels[1].size == 8 * 32
    assert Cluster(levels=(torus,)).size == 32
    assert Cluster(levels=(Level(), torus)).levels[1].size == 32
    assert Cluster(levels=(Level(size=8), Level(size=16), Level(size=64))).size == 64
    with pytest.raises(BadInputError, match="levels: number 3 is smaller than the one below"):
        Cluster(levels=(Level(size=8), Level(size=16), Level(size=12)))
    with pytest.raises(BadInputError, match="levels: number 3 is smaller than the one below"):
        Cluster(levels=(Level(size=8), Level(), Level(size=64)))
    with pytest.raises(BadInputError, match="levels: there is none"):
        Cluster(levels=())


@pytest.mark.parametrize(
    ("devices", "n", "axes"), [(None, 16, 1.5), (32, 16, 1.5), (17, 16, 1.5), (16, 16, 2), (16, 4, 1), (4, 4, 2)]
)
def test_a_run_has_the_smallest_slice_that_holds_it(devices, n, axes):
    """A run would have rings of a slice that it does not rent."""
    torus = Level(topology=TORUS, slices=((8, 4), (4, 4), (2, 2)))
    assert torus.lies(n, 1, devices).axes == axes


def test_a_ring_is_a_torus_of_one_axis():
    """A ring would have no links, or a switch lie on axes."""
    ring = Level(topology=RING, size=8)
    lies = ring.lies(8, 1, None)
    assert (lies.axes, lies.stretch, lies.steps) == (1, 8, 4)
    assert ring.reached(10.0, 8, lies) == 10
    assert Level(size=8).lies(8, 1, None) is None


def test_what_a_group_reaches_on_a_torus():
    """A single accelerator would exchange with nobody at no speed, or an exchange be faster than the links."""
    torus = Level(topology=TORUS, dimensions=(4, 4))
    one, line, whole = (torus.lies(n, 1, None) for n in (1, 2, 16))
    assert torus.reached(8.0, 16, whole) == 8
    assert torus.reached(8.0, 16, whole, exchanging=True) == pytest.approx(8 / 2 * 4 * (15 / 16) / 4)
    assert torus.reached(8.0, 2, line) == 8 / 2 * 0.5
    assert torus.reached(8.0, 2, line, exchanging=True) == 8 / 2 * 4 * (1 / 2) / 4
    assert torus.reached(8.0, 1, one) == torus.reached(8.0, 1, one, exchanging=True) == 8 / 2
    short = Spanned(axes=0.5, stretch=0.5, steps=1.0)
    assert torus.reached(8.0, 2, short, exchanging=True) == 8 / 2 * 0.5


def test_what_a_group_reaches_in_a_mesh_and_behind_uneven_links():
    """Two of a mesh would have the links of all, or a small group those that a larger one has."""
    mesh = Level(topology=FULL_MESH, size=8)
    assert [mesh.reached(7.0, n, None) for n in (1, 2, 8)] == [7, 1, 7]
    uneven = Level(size=16, smaller_groups={"2": 3.0, "4": 5.0, "8": 2.0})
    assert [uneven.reached(9.0, n, None) for n in (1, 2, 3, 4, 5, 8, 9)] == [2, 2, 2, 2, 2, 2, 9]
    rising = evolve(uneven, smaller_groups={"8": 7.0, "2": 3.0, "4": 5.0})
    assert [rising.reached(9.0, n, None) for n in (2, 4, 8, 16)] == [3, 5, 7, 9]


def test_one_accelerator_to_one_other():
    """A message would have all links of a mesh, or both ways of a torus."""
    assert Level(topology=FULL_MESH, size=8).to_a_neighbour(14.0) == 2
    assert Level(topology=FULL_MESH, size=2).to_a_neighbour(14.0) == 14
    assert Level(topology=FULL_MESH, size=1).to_a_neighbour(14.0) == 14
    assert Level(topology=TORUS, dimensions=(4, 4, 4)).to_a_neighbour(12.0) == 2
    assert Level(topology=RING, size=4).to_a_neighbour(12.0) == 6
    assert Level(size=8, smaller_groups={"2": 3.0, "4": 5.0}).to_a_neighbour(9.0) == 3
    assert Level(size=8).to_a_neighbour(9.0) == 9


NODES = Cluster(
    levels=(
        Level(name="mesh", topology=FULL_MESH, size=8, bytes_per_second=14.0),
        Level(name="rack", size=32, bytes_per_second=6.0),
        Level(name="hall", bytes_per_second=4.0, oversubscription=2.0),
    ),
    host_bytes_per_second=5.0,
    gpus_per_node=4,
)


def test_what_leaves_the_first_level_crosses_the_host():
    """A network card would be as fast as its ports say, or what is shared be had alone."""
    assert [NODES.link(place) for place in range(3)] == [14, 5, 2]
    direct = evolve(NODES, levels=(NODES.levels[0], evolve(NODES.levels[1], direct=True)))
    assert direct.link(1) == 6
    unknown = evolve(NODES, levels=(NODES.levels[0], Level()), host_bytes_per_second=None)
    assert unknown.link(1) is None
    assert (NODES.node, evolve(NODES, gpus_per_node=None).node) == (4, 8)
    assert (Cluster(levels=(Level(),)).node, NODES.size) == (1, float("inf"))


def test_a_smaller_first_level_keeps_its_links_to_each_other_one():
    """A part of a mesh would have the links of all of it, or levels remain that join fewer than one host."""
    four, pair, rack = NODES.with_first(4), NODES.with_first(2), NODES.with_first(32)
    assert [(one.levels[0].size, one.levels[0].bytes_per_second) for one in (four, pair)] == [(4, 6), (2, 2)]
    assert (len(four.levels), [level.name for level in rack.levels]) == (3, ["mesh", "hall"])
    assert four.gpus_per_node is None
    alone = NODES.with_first(1)
    assert alone.levels[0].bytes_per_second == 14
    switch = Cluster(levels=(Level(size=8, bytes_per_second=14.0, smaller_groups={"2": 3.0}),))
    assert switch.with_first(4).levels[0].bytes_per_second == 14
    assert switch.with_first(4).levels[0].smaller_groups == {}
    torus = Cluster(levels=(Level(topology=TORUS, dimensions=(4, 4), bytes_per_second=14.0),))
    assert (torus.with_first(8).levels[0].topology, torus.with_first(8).levels[0].size) == ("switch", 8)
    single = Cluster(levels=(Level(topology=FULL_MESH, size=1, bytes_per_second=14.0),))
    assert single.with_first(4).levels[0].bytes_per_second == 14


def test_what_a_cluster_leaves_out_is_as_in_the_usual_one():
    """A network would be as fast as the links inside a host, or hosts hold as many as they do not."""
    found = Cluster(name="own", levels=(Level(size=4), Level(size=64), Level(bytes_per_second=1.0))).around(NODES)
    assert [(level.name, level.size, level.bytes_per_second) for level in found.levels] == [
        ("mesh", 4, 6),
        ("hall", 64, 4),
        ("hall", None, 1),
    ]
    assert (found.host_bytes_per_second, found.gpus_per_node) == (5, None)
    same = Cluster(name="own", levels=(Level(name="my own"),), host_bytes_per_second=3.0).around(NODES)
    assert (same.levels[0].name, same.levels[0].topology, same.levels[0].size) == ("my own", FULL_MESH, 8)
    assert (same.host_bytes_per_second, same.gpus_per_node) == (3, 4)
    assert evolve(same, gpus_per_node=2).around(NODES).gpus_per_node == 2
    faster = Cluster(name="own", levels=(Level(size=4, bytes_per_second=20.0), Level())).around(NODES)
    assert (faster.levels[0].topology, faster.levels[0].bytes_per_second) == ("switch", 20)
    lone = Cluster(levels=(Level(name="link", size=8, bytes_per_second=9.0),))
    assert Cluster(name="own", levels=(Level(size=4), Level())).around(lone).levels[1].bytes_per_second is None
    ring = Cluster(name="own", levels=(Level(topology=RING, size=4),)).around(NODES)
    assert (ring.levels[0].topology, ring.levels[0].bytes_per_second) == (RING, 14)


@pytest.mark.parametrize(
    ("cluster", "plain"),
    [
        (two_levels(9.0, 8), True),
        (two_levels(9.0, 8, beyond=3.0), True),
        (two_levels(9.0, 8, host=3.0), True),
        (two_levels(9.0, 8, beyond=3.0, host=2.0), True),
        (NODES, False),
        (evolve(two_levels(9.0, 8), gpus_per_node=4), False),
    ],
)
def test_plain_clusters_are_told_by_their_figures(cluster, plain):
    """A record would say less of a cluster than there is, or spell out what two figures say."""
    assert is_plain(cluster) is plain


def test_domains_have_a_network_where_one_is_known():
    """A domain without a network would reach others, or one behind a host's link be alone."""
    assert [len(two_levels(9.0, 8, **links).levels) for links in ({}, {"beyond": 3.0}, {"host": 2.0})] == [1, 2, 2]
    both = two_levels(9.0, 8, name="link", beyond=3.0, host=2.0)
    assert [(level.name, level.size, level.bytes_per_second) for level in both.levels] == [
        ("link", 8, 9),
        ("", None, 3),
    ]
    assert both.host_bytes_per_second == 2
