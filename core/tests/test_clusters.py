"""Clusters: levels by hand, and what a request makes of them."""

import numpy as np
import pytest
from attrs import evolve

from llmplan.catalogues import CLUSTERS, GPUS
from llmplan.catalogues.record_file import read_record
from llmplan.errors import BadInputError
from llmplan.records import Cluster, HardwareProfile, Level
from llmplan.records.cluster import two_levels
from llmplan.records.topology import spanned
from llmplan.space.clusters import in_words, wired
from llmplan_listing.record_text import record_text

GPU = HardwareProfile(
    name="g",
    memory_bytes=1e11,
    memory_bytes_per_second=1e12,
    peak_flops={"bf16": 1e14},
    cluster=two_levels(448e9, 8, name="mesh", beyond=50e9, host=60e9),
)
MESH = evolve(
    GPU,
    cluster=evolve(GPU.cluster, levels=(evolve(GPU.cluster.levels[0], topology="full-mesh"), *GPU.cluster.levels[1:])),
)
TORUS = Level(topology="torus", dimensions=(4, 4, 8), bytes_per_second=540e9, wraps_every=4)
FAT_TREE = """
source = "by hand"
gpus_per_node = 8
host_memory_gib = 1024
price_per_gpu_hour = 2.5
[[levels]]
[[levels]]
name = "leaf"
size = 64
[[levels]]
name = "spine"
oversubscription = 4
latency_us = 20
"""


def reached(level, n, stride=1, devices=None, exchanging=False):
    """Bytes per second of each of so many in a group."""
    return level.reached(level.bytes_per_second, n, level.lies(n, stride, devices), exchanging=exchanging)


def test_a_part_of_a_full_mesh_has_the_links_between_its_members():
    """Two of eight MI300X would be given all seven links, where they share one: 47.7 of 64 GB/s were measured."""
    level = MESH.cluster.levels[0]
    assert [reached(level, n) for n in (2, 4, 8)] == [64e9, 3 * 64e9, 448e9]
    assert level.to_a_neighbour(448e9) == 64e9


def test_links_that_are_laid_unevenly():
    """Two V100 of a hybrid mesh that one NVLink joins would be given all six."""
    level = Level(size=8, bytes_per_second=150e9, smaller_groups={"2": 25e9, "4": 100e9})
    assert [reached(level, n) for n in (2, 3, 4, 5, 8)] == [25e9, 100e9, 100e9, 150e9, 150e9]


@pytest.mark.parametrize(
    ("n", "stride", "axes"),
    [
        (4, 1, 1.0),  # one ring
        (2, 1, 0.5),  # half of it is a line
        (16, 1, 2.0),  # two rings
        (128, 1, 3.0),
        (32, 4, 2.0),  # the second and the third, each whole
        (32, 1, 2.5),  # two rings, and a line of two
        (2, 2, 0.5),  # every other one of a ring: two groups share its links
        (8, 16, 1.0),
    ],
)
def test_groups_on_a_torus(n, stride, axes):
    """A group would be given links of axes that it does not lie on, or a line the bandwidth of a ring."""
    assert spanned((4, 4, 8), n, stride, 4).axes == axes
    assert reached(TORUS, n, stride) == pytest.approx(540e9 / 3 * axes)


def test_an_all_to_all_on_a_torus_is_bound_by_its_longest_ring():
    """A ring of n moves a quarter of what each rank sends past every link: n / 4 in the time of one."""
    n, message = 8.0, 1e9
    seconds = message * (n - 1) / n / reached(TORUS, n, 16, exchanging=True)
    assert seconds == pytest.approx(message * n / 4 / (540e9 / 3))
    assert reached(TORUS, 2, 64, exchanging=True) <= reached(TORUS, 2, 64)


def test_a_slice_is_the_smallest_that_holds_a_run():
    """A run on 16 chips would be given rings that only whole cubes have."""
    level = Level(
        topology="torus", slices=((2, 2, 1), (2, 2, 4), (4, 4, 4), (4, 4, 8)), bytes_per_second=540e9, wraps_every=4
    )
    assert reached(level, 4, 1, 4) == pytest.approx(180e9)  # two lines
    assert reached(level, 16, 1, 16) == pytest.approx(180e9 * 2)  # two lines and a ring
    assert reached(level, 64, 1, 64) == pytest.approx(540e9)
    sizes = np.array([4.0, 16.0, 64.0, 128.0])
    assert reached(level, sizes, 1, sizes).tolist() == [reached(level, n, 1, n) for n in sizes.tolist()]


def test_what_a_cluster_leaves_out_is_as_usual(tmp_path):
    """A tree of leaves and spines could not be laid over any accelerator without repeating its links."""
    path = tmp_path / "tree.toml"
    path.write_text(FAT_TREE)
    given = read_record(str(path), CLUSTERS)
    cluster, said = wired(MESH, given, None, None, None)
    first, leaf, spine = cluster.levels
    assert first.topology == "full-mesh"
    assert (first.bytes_per_second, leaf.bytes_per_second, leaf.size) == (448e9, 50e9, 64)
    assert cluster.link(2) == 12.5e9
    assert spine.latency_seconds == pytest.approx(20e-6)
    assert (cluster.host_bytes_per_second, cluster.price_per_gpu_hour) == (60e9, 2.5)
    levels = "mesh 8 in a full mesh x 448 GB/s, leaf 64 x 50 GB/s, spine any number x 12.5 GB/s (4 share it)"
    assert said == f"cluster tree, {levels}, 8 a node, hosts of 1,024 GiB"
    again = tmp_path / "again.toml"
    again.write_text(record_text(CLUSTERS, given))
    assert record_text(CLUSTERS, read_record(str(again), CLUSTERS)).replace('"again"', '"tree"') == record_text(
        CLUSTERS, given
    )


def test_an_accelerator_whose_cluster_is_no_plain_one_is_a_file_too(tmp_path):
    """The torus of a TPU would be lost between `show --toml` and `--gpu`."""
    chip = evolve(GPU, cluster=Cluster(levels=(TORUS, Level(bytes_per_second=6e9)), gpus_per_node=4, source="s"))
    path = tmp_path / "g.toml"
    path.write_text(record_text(GPUS, chip))
    read = read_record(str(path), GPUS)
    assert record_text(GPUS, read) == record_text(GPUS, chip)
    assert read.cluster.levels[0].dimensions == (4, 4, 8)
    assert (read.scale_up_domain, read.cluster.node, read.scale_out_bytes_per_second) == (128, 4, 6e9)


def test_a_cluster_of_its_own_takes_the_place_of_a_relatives_links(tmp_path):
    """A chip like another, in a rack of its own, would be put back into the other's nodes."""
    rack = tmp_path / "rack.toml"
    rack.write_text(
        'like = "base"\nsource = "s"\n[cluster]\nsource = "s"\n'
        "levels = [{ size = 32, bandwidth_gb_per_s = 800 }, { bandwidth_gb_per_s = 100 }]"
    )
    read = read_record(str(rack), GPUS, {"base": GPU, "mesh": MESH}.get)
    assert [level.size for level in read.cluster.levels] == [32, None]
    assert (read.scale_up_bytes_per_second, read.scale_out_bytes_per_second) == (800e9, 100e9)
    faster = tmp_path / "faster.toml"
    faster.write_text('like = "mesh"\nscaleup_bandwidth_gb_per_s = 700\nsource = "s"')
    changed = read_record(str(faster), GPUS, {"mesh": MESH}.get).cluster.levels[0]
    assert (changed.topology, changed.bytes_per_second) == ("full-mesh", 700e9)


def test_options_change_the_usual_cluster():
    """200 Gb/s a node would be given to each of its eight accelerators."""
    slow = wired(GPU, None, 200, None, None)[0]
    assert slow.link(1) == pytest.approx(200e9 / 8 / 8)
    four = wired(GPU, None, 200, 4, 2)[0]
    assert (four.levels[0].size, four.node) == (4, 4)
    assert four.link(1) == pytest.approx(200e9 / 8 / 4 / 2)
    mesh = wired(MESH, None, None, 4, None)[0]
    assert mesh.levels[0].bytes_per_second == pytest.approx(3 * 64e9)
    rack = evolve(GPU, cluster=evolve(GPU.cluster, gpus_per_node=4))
    assert wired(rack, None, None, 2, None)[0].levels[0].size == 8, "a rack goes on from node to node"
    bridge = wired(evolve(GPU, scale_up_domain=2), None, 200, 8, None)[0]
    assert (bridge.levels[0].size, bridge.node, bridge.link(1)) == (2, 8, pytest.approx(200e9 / 8 / 8))
    assert wired(evolve(GPU, scale_up_domain=1), None, None, 8, None)[0].levels[0].size == 8, "PCIe inside a node"
    assert in_words(slow) == "mesh 8 x 448 GB/s, any number x 3.12 GB/s, 8 a node"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"levels": ()}, "levels: there is none"),
        ({"levels": (Level(size=8), Level(size=4))}, "levels: number 2 is smaller than the one below"),
        ({"levels": (Level(size=8), Level(), Level(name="spine"))}, "levels: spine is smaller than the one below"),
    ],
)
def test_clusters_that_cannot_be(change, words):
    """A mistake in a file would be priced."""
    with pytest.raises(BadInputError, match=words):
        Cluster(**change)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"topology": "torus"}, "dimensions: not given, and the topology is torus"),
        ({"dimensions": (4, 4)}, "dimensions: given, and the topology is switch, which has none; torus has"),
        ({"topology": "torus", "dimensions": (4, 0)}, "are not whole numbers of at least 1"),
        ({"topology": "full-mesh"}, "size: not given, and the topology is full-mesh"),
        ({"topology": "star"}, "topology: 'star' is none of switch, full-mesh, ring, torus"),
        ({"oversubscription": 0.5}, "oversubscription: 0.5 is below 1"),
    ],
)
def test_levels_that_cannot_be(change, words):
    """The same of a level."""
    with pytest.raises(BadInputError, match=words):
        Level(**change)


def test_links_of_a_record_change_its_cluster():
    """A record that is changed by the links of two levels would keep the old ones in its cluster."""
    assert evolve(GPU, scale_up_domain=4).cluster.levels[0].size == 4
    alone = evolve(GPU, scale_out_bytes_per_second=None, host_bytes_per_second=None)
    assert alone.beyond_domain_bytes_per_second is None
    assert len(alone.cluster.levels) == 1
    assert evolve(alone, host_bytes_per_second=3e10).beyond_domain_bytes_per_second == 3e10
    with pytest.raises(BadInputError, match="scale_up_domain: 0 is not a whole number"):
        evolve(GPU, scale_up_domain=0)
    with pytest.raises(TypeError, match="no_such_field"):
        evolve(GPU, no_such_field=1)
