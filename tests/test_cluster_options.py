"""Clusters on every command: in Python, plan files, JSON, comparisons and searches."""

import json

import pytest

from llmplan import compare, infer, train
from llmplan.output.document import document
from llmplan.search import TrainingSpace, search

TREE = """
source = "by hand"
price_per_gpu_hour = 2.5
[[levels]]
[[levels]]
name = "leaf"
size = 64
[[levels]]
name = "spine"
oversubscription = 4
"""
RUN = {"model": "llama-7b", "gpu": "a100-sxm-80gb", "gpus": 128, "tp": 1, "pp": 2, "cp": 1, "micro_batch": 1, "zero": 1}


@pytest.fixture
def tree(tmp_path):
    """The file of a cluster."""
    path = tmp_path / "tree.toml"
    path.write_text(TREE)
    return str(path)


def test_a_slower_network_costs_time_and_is_asked_for_again(tree):
    """A result would forget the cluster that it was priced in, and another command give another answer."""
    usual, slow = train(**RUN), train(**RUN, nic_gbits=100, oversubscription=2)
    assert slow.iteration_seconds > usual.iteration_seconds
    assert slow.plan.hardware.cluster.link(1) == pytest.approx(100e9 / 8 / 8 / 2)
    request = document(slow)["request"]
    assert (request["nic_gbits"], request["oversubscription"]) == (100, 2)
    assert train(**request).iteration_seconds == slow.iteration_seconds
    priced = train(**RUN, cluster=tree)
    assert document(priced)["request"]["cluster"]["levels"][2]["oversubscription"] == 4
    assert priced.plan.price_per_gpu_hour == 2.5
    assert priced.cost == pytest.approx(2.5 * priced.gpu_hours)
    assert train(**RUN, cluster=tree, price_per_gpu_hour=1).cost == pytest.approx(priced.gpu_hours)


def test_servers_and_comparisons_take_clusters():
    """An option would work on one command and be unknown to the next."""
    options = {"model": "llama-65b", "gpu": "a100-sxm-80gb", "tp": 8, "pp": 2, "dp": 1, "batch": 8}
    fast, slow = infer(**options), infer(**options, nic_gbits=10)
    assert sum(slow.decode_breakdown.values()) > sum(fast.decode_breakdown.values())
    both = json.loads(json.dumps(document(compare(infer, **options, nic_gbits=[10, 1600]))))
    assert len(both["rows"]) == 2


@pytest.mark.parametrize("cluster", ["tpu-4x4x4", "nvl72", None])
def test_a_search_passes_over_no_better_plan(cluster):
    """Bounds that hold on two levels would rule out the best plan of a torus or a rack."""
    gpu = "tpu-v5p" if cluster == "tpu-4x4x4" else "h100-sxm-80gb"
    network = {"cluster": cluster} if cluster else {"nic_gbits": 50, "gpus_per_node": 4}
    space = TrainingSpace(
        model="qwen3-30b-a3b", gpu=gpu, gpus=64, pp=[1, 2], cp=[1, 2], vpp=1, zero=[1, 3], recompute="none",
        confidence=0.5, **network,
    )  # fmt: skip
    pruned, whole = (search(space, prune=prune, top=3) for prune in (True, False))
    assert [one.iteration_seconds for one in pruned.best] == [one.iteration_seconds for one in whole.best]
