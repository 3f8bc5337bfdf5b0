"""A step of 5 us in millions of seconds."""

from __future__ import annotations

from llmplan import hookimpl


@hookimpl
def llmplan_clusters():
    from llmplan.records import Cluster, Level

    levels = (Level(), Level(name="spine", bytes_per_second=5e10, latency_seconds=5e-12))
    return [Cluster(name="planted", levels=levels, source="drawings")]
