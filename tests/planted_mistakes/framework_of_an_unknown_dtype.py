"""Gradients by a dtype that nobody has."""

from __future__ import annotations

from llmplan import hookimpl


@hookimpl
def llmplan_framework_profiles():
    from llmplan.records import FrameworkProfile

    return [
        FrameworkProfile(
            name="planted", description="planted", source="profile", gradient_bits_by_dtype={"float16": 16.0}
        )
    ]
