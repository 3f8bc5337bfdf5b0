"""States of an optimizer in bytes."""

from __future__ import annotations

from llmplan import hookimpl


@hookimpl
def llmplan_framework_profiles():
    from llmplan.records import FrameworkProfile

    return [FrameworkProfile(name="planted", description="planted", source="profile", state_bits=4)]
