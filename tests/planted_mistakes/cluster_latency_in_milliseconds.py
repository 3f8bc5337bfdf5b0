"""A step of 5 us as 0.005."""

from __future__ import annotations

from llmplan import hookimpl


@hookimpl
def llmplan_clusters():
    from llmplan.records import Cluster, Level

    levels = (Level(), Level(name="spine", bytes_per_second=5e10, latency_seconds=0.005))
    return [Cluster(name="planted", levels=levels, source="drawings")]
