"""What an accelerator costs in a month."""

from __future__ import annotations

from llmplan import hookimpl


@hookimpl
def llmplan_clusters():
    from llmplan.records import Cluster, Level

    levels = (Level(),)
    return [Cluster(name="planted", levels=levels, source="drawings", price_per_gpu_hour=2_190.0)]
