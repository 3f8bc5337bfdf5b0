"""Tokens of a step in thousands."""

from __future__ import annotations

from llmplan import hookimpl


@hookimpl
def llmplan_engine_profiles():
    from llmplan.records import EngineProfile

    return [EngineProfile(name="planted", description="planted", source="profile", step_tokens=8)]
