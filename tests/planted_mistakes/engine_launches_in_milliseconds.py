"""Launches of a layer in milliseconds."""

from __future__ import annotations

from llmplan import hookimpl


@hookimpl
def llmplan_engine_profiles():
    from llmplan.records import EngineProfile

    return [EngineProfile(name="planted", description="planted", source="profile", launch_seconds_per_layer=0.05)]
