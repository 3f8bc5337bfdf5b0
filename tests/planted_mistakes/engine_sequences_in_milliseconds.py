"""Host time of a sequence in milliseconds."""

from __future__ import annotations

from llmplan import hookimpl


@hookimpl
def llmplan_engine_profiles():
    from llmplan.records import EngineProfile

    return [EngineProfile(name="planted", description="planted", source="profile", host_seconds_per_sequence=0.02)]
