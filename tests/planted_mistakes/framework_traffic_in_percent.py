"""Traffic of kernels in percent of that of fused ones."""

from __future__ import annotations

from llmplan import hookimpl


@hookimpl
def llmplan_framework_profiles():
    from llmplan.records import FrameworkProfile

    return [FrameworkProfile(name="planted", description="planted", source="profile", elementwise_traffic=140.0)]
