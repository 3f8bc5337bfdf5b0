"""All accelerators of a hall on one host."""

from __future__ import annotations

from llmplan import hookimpl


@hookimpl
def llmplan_clusters():
    from llmplan.records import Cluster, Level

    return [Cluster(name="planted", levels=(Level(),), gpus_per_node=100_000, source="drawings")]
