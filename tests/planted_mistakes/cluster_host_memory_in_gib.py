"""Memory of hosts in GiB."""

from __future__ import annotations

from llmplan import hookimpl


@hookimpl
def llmplan_clusters():
    from llmplan.records import Cluster, Level

    levels = (Level(),)
    return [Cluster(name="planted", levels=levels, source="drawings", host_memory_bytes=2048)]
