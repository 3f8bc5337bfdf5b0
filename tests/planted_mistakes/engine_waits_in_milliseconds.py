"""Ranks that wait for each other, in milliseconds."""

from __future__ import annotations

from llmplan import hookimpl


@hookimpl
def llmplan_engine_profiles():
    from llmplan.records import EngineProfile

    return [EngineProfile(name="planted", description="planted", source="profile", rank_wait_seconds=0.005)]
