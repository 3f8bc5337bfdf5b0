"""Host time of a step in milliseconds."""

from __future__ import annotations

from llmplan import hookimpl


@hookimpl
def llmplan_engine_profiles():
    from llmplan.records import EngineProfile

    return [EngineProfile(name="planted", description="planted", source="profile", host_seconds_per_step=2.0)]
