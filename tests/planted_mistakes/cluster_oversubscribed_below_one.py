"""Oversubscription as the share that is left."""

from __future__ import annotations

from llmplan import hookimpl


@hookimpl
def llmplan_clusters():
    from llmplan.records import Cluster, Level

    levels = (Level(), Level(name="spine", bytes_per_second=5e10, oversubscription=0.25))
    return [Cluster(name="planted", levels=levels, source="drawings")]
