"""A hundredth of a rate."""

from __future__ import annotations

from llmplan import hookimpl


@hookimpl
def llmplan_framework_profiles():
    from llmplan.records import FrameworkProfile

    return [FrameworkProfile(name="planted", description="planted", source="profile", kernel_rate=0.0095)]
