"""Host time of an iteration in milliseconds."""

from __future__ import annotations

from llmplan import hookimpl


@hookimpl
def llmplan_framework_profiles():
    from llmplan.records import FrameworkProfile

    return [FrameworkProfile(name="planted", description="planted", source="profile", host_seconds_per_step=30.0)]
