"""Levels from the slowest inwards."""

from __future__ import annotations

from llmplan import hookimpl


@hookimpl
def llmplan_clusters():
    from llmplan.records import Cluster, Level

    levels = (Level(size=8, bytes_per_second=5e10), Level(name="spine", bytes_per_second=4.5e11))
    return [Cluster(name="planted", levels=levels, source="drawings")]
